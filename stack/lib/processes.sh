# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # settings.sh and servers.sh are sourced before it
# processes: starts, watches and stops the supervised processes of a stack by their names. What the files in RUN_DIR/pids
# mean is said in supervise.

started=()                              # by this call, so that a failing one can take them back

pid_in() { [[ -s $1 ]] && echo "$(<"$1")"; }

# Something of NAME lives: its supervisor, its program, or a process that this left behind.
is_alive() {
    local lock=$RUN_DIR/pids/$1.supervisor.pid
    [[ -e $lock ]] && ! flock -n "$lock" true
}

supervisor_pid() {
    local pid
    is_alive "$1" && pid=$(pid_in "$RUN_DIR/pids/$1.supervisor.pid") &&
        [[ $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") == *"/supervise "*"$1 "* ]] && echo "$pid"
}

is_supervised() { supervisor_pid "$1" >/dev/null; }

known_names() {
    local file
    for file in "$RUN_DIR"/pids/*.supervisor.pid; do
        [[ ! -e $file ]] || basename "$file" .supervisor.pid
    done | sort -V
}

anything_runs() {
    local name
    for name in $(known_names); do
        ! is_alive "$name" || return 0
    done
    return 1
}

# wait_until SECONDS COMMAND...: false when it did not come true in time.
wait_until() {
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < until)) || return 1
        sleep 0.05
    done
}

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A caller's locks and pipes are not for processes that outlive it.
close_inherited_files() {
    local file fd
    for file in "/proc/$BASHPID/fd"/*; do
        fd=${file##*/}
        ((fd <= 2 || fd == 255)) || exec {fd}>&-
    done
}

# In the background, in RUN_DIR, away from the terminal.
supervise() {
    local options=()
    while [[ $1 == -* ]]; do
        options+=("$1" "$2")
        shift 2
    done
    started+=("$1")
    (
        cd "$RUN_DIR" || exit
        close_inherited_files
        exec setsid "$root/stack/supervise" "${options[@]}" "$@" </dev/null >/dev/null 2>&1
    ) &
    wait_until 5 test -s "$RUN_DIR/pids/$1.supervisor.pid" || die "$1: its supervisor did not start, see $RUN_DIR/logs/$1.log"
}

# Redis and PostgreSQL may have a lot to write before they end.
start_server() {
    "prepare_$1"
    case $1 in
        redis) supervise -t 60 redis redis-server "$RUN_DIR/redis/redis.conf" ;;
        postgres) supervise -s INT -t 60 postgres "$root/stack/postgres" "$(port_of postgres)" ;;
    esac
}

start_program() {
    made=started
    program_env "$1"
    export "${program_environment[@]}"
    supervise "$1" "$BIN_DIR/$(program_of "$1")"
}

# Starts NAME unless it runs, and sets 'made' to what became of it. What a killed supervisor left does not count as running.
start() {
    made='already running'
    ! is_supervised "$1" || return 0
    stop "$1"
    case $1 in
        redis | postgres) start_server "$1" ;;
        *) start_program "$1" ;;
    esac
}

is_ready() {
    case $1 in
        redis | postgres) "$1_is_ready" ;;
        *) [[ $(curl -s -m 2 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$(port_of "$1")/readyz") == 200 ]] ;;
    esac
}

is_ready_or_gone() { is_ready "$1" || ! is_supervised "$1"; }

wait_ready() {
    local seconds=30
    [[ $1 != redis && $1 != postgres ]] || seconds=300          # they may have to read their log first
    if wait_until "$seconds" is_ready_or_gone "$1" && is_supervised "$1"; then
        echo "$1 ready${2:+ ($2)}"
        return
    fi
    echo "--- the end of $RUN_DIR/logs/$1.log" >&2
    tail -n 20 "$RUN_DIR/logs/$1.log" >&2
    die "$1 did not get ready"
}

is_gone() { ! is_alive "$1"; }

kill_hard() {
    local file pid
    for file in "$RUN_DIR/pids/$1.supervisor.pid" "$RUN_DIR/pids/$1.pid"; do
        ! pid=$(pid_in "$file") || kill -KILL "$pid" 2>/dev/null || true
    done
    [[ $1 != postgres ]] || end_postgres_leftovers
    wait_until 5 is_gone "$1" || die "$1 does not end"
}

# stop NAME...: all at the same time.
stop() {
    local name pid seconds
    for name; do
        ! pid=$(supervisor_pid "$name") || kill -TERM "$pid" 2>/dev/null || true
    done
    for name; do
        seconds=15
        [[ $name != redis && $name != postgres ]] || seconds=65
        wait_until "$seconds" is_gone "$name" || kill_hard "$name"
        rm -f "$RUN_DIR/pids/$name".{pid,supervisor.pid,restarts}
    done
}

# Programs first, so that they can finish what they are doing.
stop_all() {
    local name programs=() servers=()
    for name; do
        case $name in
            redis | postgres) servers+=("$name") ;;
            *) programs+=("$name") ;;
        esac
    done
    stop "${programs[@]}"
    stop "${servers[@]}"
}
