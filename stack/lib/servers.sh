# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # settings.sh is sourced before it
# servers: how the private Redis and PostgreSQL of a stack are prepared, and how PostgreSQL runs when we are root.

# PostgreSQL refuses to run as root. As root it runs as the user postgres, who may be unable to enter the folders above
# RUN_DIR (/root, for one): so it gets RUN_DIR/postgres, which is its own, as an open file, and reaches it by that name.
if ((EUID)); then
    postgres_home=$RUN_DIR/postgres
else
    postgres_home=/proc/self/fd/7
fi

# Replaces the shell.
as_postgres() {
    if ((EUID)); then
        exec "$@"
    fi
    exec 7<"$RUN_DIR/postgres"
    cd /
    exec setpriv --reuid=postgres --regid=postgres --init-groups --pdeathsig INT "$@"
}

own_by_postgres() { ((EUID)) || chown postgres: "$@"; }

init_postgres() {
    local password=$RUN_DIR/postgres/password
    rm -rf "$RUN_DIR/postgres/data.new"
    printf '%s\n' "$POSTGRES_PASSWORD" >"$password"
    own_by_postgres "$password"
    (as_postgres "$PG_BIN/initdb" -D "$postgres_home/data.new" -U postgres -E UTF8 --locale=C -A scram-sha-256 --no-instructions \
        --pwfile="$postgres_home/password") >"$RUN_DIR/logs/initdb.log" 2>&1 </dev/null ||
        die "initdb failed: $(<"$RUN_DIR/logs/initdb.log")"
    rm "$password"
    mv "$RUN_DIR/postgres/data.new" "$RUN_DIR/postgres/data"
}

# Sets 'made' to what became of it.
prepare_postgres() {
    made='data kept'
    mkdir -p "$RUN_DIR/postgres"
    own_by_postgres "$RUN_DIR/postgres"
    if [[ ! -e $RUN_DIR/postgres/data ]]; then
        made=new
        init_postgres
    fi
    install -m 644 "$root/stack/postgresql.conf" "$RUN_DIR/postgres/postgresql.conf"
}

prepare_redis() {
    made='data kept'
    if [[ ! -e $RUN_DIR/redis ]]; then
        made=new
        mkdir "$RUN_DIR/redis"
    fi
    (set -a && load_secrets && exec "$root/stack/redis-users") >"$RUN_DIR/redis/users.acl"
    cat >"$RUN_DIR/redis/redis.conf" <<END
# Written by the stack at each start.
include "$root/stack/redis.conf"
bind 127.0.0.1
port $(port_of redis)
dir "$RUN_DIR/redis"
aclfile "$RUN_DIR/redis/users.acl"
appendfsync $APPENDFSYNC
maxmemory $REDIS_MAXMEMORY
END
}

redis_is_ready() { [[ $(redis-cli -p "$(port_of redis)" ping 2>/dev/null) == PONG ]]; }

postgres_is_ready() { "$PG_BIN/pg_isready" -q -h 127.0.0.1 -p "$(port_of postgres)"; }

# Every process of a PostgreSQL server works in its data folder.
postgres_leftovers() {
    find /proc/[0-9]*/cwd -maxdepth 0 -printf '%h %l\n' 2>/dev/null |
        while read -r process folder; do
            [[ $folder != "$RUN_DIR/postgres/data" || $(<"$process/comm") != postgres ]] || echo "${process#/proc/}"
        done 2>/dev/null
}

# Backends of a killed server notice within moments, except those in the middle of a statement: these are told to quit,
# and killed when they do not hear. The pid in postmaster.pid may be another program's by now.
end_postgres_leftovers() {
    local pids signal
    for signal in 0 QUIT QUIT QUIT KILL KILL; do
        mapfile -t pids < <(postgres_leftovers)
        ((${#pids[@]})) || break
        kill -s "$signal" "${pids[@]}" 2>/dev/null || true
        sleep 0.2
    done
    rm -f "$RUN_DIR/postgres/data/postmaster.pid"
}
