# shellcheck shell=bash disable=SC2034,SC2154 # what one file sets, another reads
# The temporary directory, and the end of everything in it.
#
# A process writes its id into the directory before it becomes what it is to be. One supervisor, in
# a process group of its own, reads from a pipe that this script alone holds open: when the script
# ends, however it ends, the supervisor takes everything down and removes the directory. There is no
# second path.

make_directory() {
    supervisor='' directory=''
    trap 'finish' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    directory=$(mktemp -d "${TMPDIR:-/tmp}/services.XXXXXX")
    # The servers of a script that root runs belong to somebody else.
    chmod 711 "$directory"
    mkfifo "$directory/alive"
    exec 9<>"$directory/alive"
    set -m
    (
        trap '' INT TERM HUP
        set +e
        # The line never comes: what comes is the end of the input.
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

# Runs a function in the background and in a process group of its own, known by a file that holds
# its id. A file that is called `*.shared` stands for one that stays in this group.
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

# An id alone might by now be somebody else's.
identify() { printf '%s %s\n' "$1" "$(born "$1")"; }

born() {
    if [[ -r /proc/$1/stat ]]; then
        local stat
        stat=$(<"/proc/$1/stat")
        # After the name, which may hold anything, the twentieth field is the time of birth.
        read -ra stat <<<"${stat##*) }"
        echo "${stat[19]}"
    else
        ps -o lstart= -p "$1" || echo gone
    fi
}

alive() {
    local pid since
    [[ -s $1 ]] && read -r pid since <"$1" && kill -0 "$pid" 2>/dev/null && [[ $(born "$pid") == "$since" ]] && ! zombie "$pid"
}

# Ended, and so are all its threads: they hold its ports as long as one of them is there.
zombie() {
    local tasks=("/proc/$1/task/"*)
    [[ -r /proc/$1/stat && $(<"/proc/$1/stat") == *") Z "* && ${#tasks[@]} -eq 1 ]]
}

forget() { rm -f "$1"; }

# Sends a signal to the group of the process that a file stands for, and waits until it is gone;
# then the group has to go. Of what prepares a server the whole group is waited for: `initdb` cleans
# up only when it ends by itself.
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
    # First those that start others.
    for file in "$directory"/command.* "$directory"/*.starter; do end "$file" TERM; done
    for file in "$directory"/*/process*; do
        # All at once: each has its own time to go.
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
        # PostgreSQL gives its shared memory back only when it ends by itself.
        */postgres/*) echo QUIT ;;
        *) echo KILL ;;
    esac
}
