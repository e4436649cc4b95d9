#!/usr/bin/env bash
# Fetches a Vulkan driver that computes on the CPU, for the tests of the WebGPU device: SwiftShader, out of Debian's
# chromium-common. Prints the settings with which programs find it; else says on stderr why not, and ends with 1.
#
#     eval "$(test/device/fetch-swiftshader.sh)" && npm test
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$PWD/.gpu/swiftshader
if [[ ! -e $folder/vk_swiftshader_icd.json ]]; then
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  if ! (cd "$scratch" && apt-get download chromium-common && dpkg -x chromium-common_*.deb files) >"$scratch/log" 2>&1; then
    echo "SwiftShader cannot be had: $(tail -n 1 "$scratch/log")" >&2
    exit 1
  fi
  mkdir -p "$folder"
  # The file that names the driver goes last: with it the folder is whole.
  cp -L "$scratch"/files/usr/lib/chromium/{libvk_swiftshader.so,libvulkan.so.1} "$folder"
  cp "$scratch"/files/usr/lib/chromium/vk_swiftshader_icd.json "$folder"
fi
printf 'export VK_DRIVER_FILES=%q LD_LIBRARY_PATH=%q\n' "$folder/vk_swiftshader_icd.json" "$folder"
