# bash completion for picket: its commands, then a command's options. Sourced from
# /usr/share/bash-completion/completions/picket.
_picket() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words
    COMPREPLY=()
    case $before in
    --root)
        COMPREPLY=($(compgen -d -- "$word"))
        return
        ;;
    --type)
        COMPREPLY=($(compgen -W 'local_any local_master distributed_master' -- "$word"))
        return
        ;;
    --level)
        COMPREPLY=($(compgen -W 'debug2 debug info warning error' -- "$word"))
        return
        ;;
    --status)
        COMPREPLY=($(compgen -W 'active disconnected pending never_connected' -- "$word"))
        return
        ;;
    esac
    if ((COMP_CWORD == 1)); then
        words='run status nodes health check agents files hash wait-sync api send-file log check-config
            version help'
    else
        case $command in
        run) words='-f -d -r -t -c' ;;
        status | nodes | hash) words='--json --watch' ;;
        health) words='--json --quiet --watch' ;;
        check) words='-w -c' ;;
        check-config) words='-c' ;;
        agents)
            words='list add remove group --json --watch --status --name --ip --group --node --version --id --key
                --add --remove'
            ;;
        files) words='--dry-run --json --watch' ;;
        wait-sync) words='--timeout --quiet --json' ;;
        api)
            words='--list --node --agents --type --timeout --json'
            if ((COMP_CWORD == 2)) && [[ $word != -* ]]; then
                words=$(picket api --list 2>/dev/null | sed -n 's/^\([a-z][^ ]*\)  (.*/\1/p')" $words"
            fi
            ;;
        send-file)
            words='--timeout --json'
            [[ $word == -* ]] || COMPREPLY=($(compgen -f -- "$word"))
            ;;
        log) words='-n -f --level' ;;
        help) words='run status nodes health check agents files hash wait-sync api send-file log config json exit' ;;
        esac
        [[ $command == help || $command == version ]] || words="$words --root --help"
    fi
    COMPREPLY+=($(compgen -W "$words" -- "$word"))
}
complete -F _picket picket
