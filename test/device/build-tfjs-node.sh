#!/usr/bin/env bash
# Builds the native part of @tensorflow/tfjs-node 4.22.0 against the TensorFlow library in PyPI's tensorflow_cpu wheel:
# what the package's own install script downloads is not to be had everywhere. Takes a minute, and 2 GB of disk. Prints
# the folder in whose node_modules it is; else says on stderr why not, and ends with 1.
#
#     DCP_TEST_TFJS_NODE=$(test/device/build-tfjs-node.sh) node dist/test/run.js device/tensorflow
set -euo pipefail
cd "$(dirname "$0")/../.."
version=4.22.0
wheel=tensorflow_cpu==2.21.0
folder=$PWD/.gpu/tfjs-node
package=$folder/node_modules/@tensorflow/tfjs-node
binding=$package/lib/napi-v8/tfjs_binding.node

build() {
  rm -rf "$folder"
  mkdir -p "$folder"
  cd "$folder"
  echo '{ "private": true }' >package.json
  npm install --ignore-scripts --no-audit --no-fund --save-exact "@tensorflow/tfjs-node@$version"

  python3 -m pip download --no-deps --only-binary=:all: --dest wheel "$wheel"
  python3 - wheel/*.whl <<'PYTHON'
import sys
import zipfile

HEADERS = ("tensorflow/c/", "tensorflow/core/platform/ctstring", "xla/tsl/c/", "tsl/platform/ctstring",
           "xla/tsl/platform/ctstring")
LIBRARIES = ("tensorflow/libtensorflow_cc.so.2", "tensorflow/libtensorflow_framework.so.2")
with zipfile.ZipFile(sys.argv[1]) as wheel:
    for name in wheel.namelist():
        if name in LIBRARIES or name.startswith(tuple("tensorflow/include/" + start for start in HEADERS)):
            wheel.extract(name, "wheel")
PYTHON
  rm wheel/*.whl
  # The names that binding.gyp links with. The wheel has the C interface in the library of the C++ one.
  mkdir -p "$package/deps/lib"
  ln -s "$folder/wheel/tensorflow/include" "$package/deps/include"
  for library in cc framework; do
    ln -s "$folder/wheel/tensorflow/libtensorflow_$library.so.2" "$package/deps/lib/"
  done
  ln -s libtensorflow_cc.so.2 "$package/deps/lib/libtensorflow.so"
  ln -s libtensorflow_framework.so.2 "$package/deps/lib/libtensorflow_framework.so"

  # Node's headers, where they are installed; else node-gyp downloads them.
  local headers
  headers=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
  local options=(--module_name=tfjs_binding "--module_path=$package/lib/napi-v8" --napi_build_version=8)
  [[ -e $headers/include/node/node_api.h ]] && options+=("--nodedir=$headers")
  (cd "$package" && node "$(npm root --global)/npm/node_modules/node-gyp/bin/node-gyp.js" rebuild "${options[@]}")
}

if [[ ! -e $binding ]]; then
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  if ! (build) >"$log" 2>&1; then
    echo "TensorFlow for Node cannot be built: $(grep -iE 'error|not found|no matching' "$log" | tail -n 1)" >&2
    rm -rf "$folder"
    exit 1
  fi
fi
echo "$folder"
