# shellcheck shell=bash disable=SC2034,SC2154 # what one file sets, another reads
# The temporary directory, and its removal with everything that runs in it.
#
# Each process writes its id into the directory before it executes its program. A supervisor in its
# own process group reads from a pipe that only this script holds open. When the script ends, for
# any reason, the read ends too: the supervisor ends all processes and removes the directory.
# Nothing else does.

make_directory() {
    supervisor='' directory=''
    trap 'finish' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    directory=$(mktemp -d "${TMPDIR:-/tmp}/services.XXXXXX")
    # If root runs this script, the servers run as another user.
    chmod 711 "$directory"
    mkfifo "$directory/alive"
    exec 9<>"$directory/alive"
    set -m
    (
        trap '' INT TERM HUP
        set +e
        # No line is ever written. The read returns at the end of the input.
        read -r _
        clean_up
    ) <"$directory/alive" >/dev/null 2>&1 9>&- &
    supervisor=$!
    set +m
}

finish() {
    local status=$?
    trap '' HUP INT TERM
    exec 9>&-
    if [[ -n $supervisor ]]; then wait "$supervisor"; else rm -rf "$directory"; fi || true
    exit "$status"
}

# Runs a function in the background in its own process group, and writes its process id to a file.
# If the file is named `*.shared`, the process stays in this group.
in_background() {
    local file=$1
    shift
    [[ $file == *.shared ]] || set -m
    (
        set +m
        trap - EXIT
        identify "$BASHPID" >"$file"
        "$@"
    ) <&0 9>&- &
    set +m
    until [[ -s $file ]] || ! kill -0 "$!" 2>/dev/null; do sleep 0.01; done
}

# The id alone is not enough, because the system reuses ids.
identify() { printf '%s %s\n' "$1" "$(born "$1")"; }

born() {
    if [[ -r /proc/$1/stat ]]; then
        local stat
        stat=$(<"/proc/$1/stat")
        # The start time is the 20th field after the name, which may contain any character.
        read -ra stat <<<"${stat##*) }"
        echo "${stat[19]}"
    else
        ps -o lstart= -p "$1" || echo gone
    fi
}

alive() {
    local pid since
    [[ -s $1 ]] && read -r pid since <"$1" && kill -0 "$pid" 2>/dev/null &&
        [[ $(born "$pid") == "$since" ]] && ! zombie "$pid"
}

# Whether a process has ended with all its threads: a remaining thread would keep its ports open.
zombie() {
    local tasks=("/proc/$1/task/"*)
    [[ -r /proc/$1/stat && $(<"/proc/$1/stat") == *") Z "* && ${#tasks[@]} -eq 1 ]]
}

forget() { rm -f "$1"; }

# Sends a signal to the process group of the process in a file, waits until the process has ended,
# and then kills the rest of the group. When a server is still being prepared, it waits for the
# whole group, because `initdb` only cleans up if it isn't killed.
end() {
    local file=$1 signal=$2 pid target _
    alive "$file" || return 0
    read -r pid _ <"$file"
    target=-$pid
    [[ $file != *.shared ]] || target=$pid
    kill "-$signal" -- "$target" 2>/dev/null || true
    for _ in {1..100}; do
        alive "$file" || { [[ $file == *.starter ]] && kill -0 -- "$target" 2>/dev/null; } || break
        sleep 0.05
    done
    kill -KILL -- "$target" 2>/dev/null || true
}

clean_up() {
    local file container
    # First the processes that start others.
    for file in "$directory"/command.* "$directory"/*.starter; do end "$file" TERM; done
    for file in "$directory"/*/process*; do
        # All at once, because each may take a while to end.
        end "$file" "$(signal_of "$file")" &
    done
    for container in "$directory"/*/container; do
        [[ -s $container ]] && "$(<"$directory/engine")" rm -f -v "$(<"$container")" &
    done
    wait
    [[ ! -e $directory/policy ]] || rm -f /usr/sbin/policy-rc.d
    until rm -rf "$directory" || [[ $((attempts += 1)) -ge 20 ]]; do sleep 0.1; done
}

signal_of() {
    case $1 in
        # PostgreSQL releases its shared memory only if it isn't killed.
        */postgres/*) echo QUIT ;;
        *) echo KILL ;;
    esac
}
