/** Shells that a script is there for. */
export const SHELLS = ['bash', 'zsh'] as const;
export type Shell = (typeof SHELLS)[number];

/**
 * The scripts ask `dcp completion SHELL -- WORDS...`, which prints `files` or `words`, for whether paths can stand
 * there too, and then a candidate a line. Those that end with a dot go on.
 */
export const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# Completion of dcp for bash. In ~/.bashrc:  source <(dcp completion bash)
_dcp() {
  local kind candidate
  COMPREPLY=()
  {
    IFS= read -r kind
    while IFS= read -r candidate; do
      COMPREPLY+=("$(printf %q "$candidate")")
    done
  } < <("\${COMP_WORDS[0]}" completion bash -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2> /dev/null)
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *. ]] && compopt -o nospace
  if [[ $kind == files ]]; then
    if [[ \${#COMPREPLY[@]} -eq 0 ]]; then
      compopt -o default
    else
      compopt -o filenames
      while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done < <(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")
    fi
  fi
}
complete -F _dcp dcp torch-dcp
`,
  zsh: `#compdef dcp torch-dcp
# Completion of dcp for zsh. In ~/.zshrc, behind compinit:  source <(dcp completion zsh)
_dcp() {
  local -a lines whole open
  lines=("\${(@f)$("\${words[1]}" completion zsh -- "\${(@Q)words[2,CURRENT]}" 2> /dev/null)}")
  local kind=$lines[1]
  lines=("\${(@)lines[2,-1]}")
  whole=("\${(@)lines:#*.}")
  open=("\${(M@)lines:#*.}")
  (( $#whole )) && compadd -- "\${whole[@]}"
  (( $#open )) && compadd -S '' -- "\${open[@]}"
  if [[ $kind == files ]]; then _files; fi
}
if [[ $funcstack[1] == _dcp ]]; then _dcp "$@"; else compdef _dcp dcp torch-dcp; fi
`,
};
