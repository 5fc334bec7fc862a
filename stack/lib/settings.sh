# shellcheck shell=bash
# shellcheck disable=SC2034  # most of this is read by the scripts that source it
# settings: what the environment says about a stack, where things live, who listens where, and the keys of its own.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
RUN_DIR=$(realpath -m "${RUN_DIR:-$root/.run}")
BIN_DIR=$(realpath -m "${BIN_DIR:-$root/build/bin}")
PG_BIN=${PG_BIN:-/usr/lib/postgresql/15/bin}
export RUN_DIR

each_max=20                             # of every kind of worker: as many ports are set aside
port_base_max=$((65535 - 69))

die() {
    echo "stack: $*" >&2
    exit 1
}

check_number() {
    local name=$1 low=$2 high=$3
    if [[ ! ${!name} =~ ^[0-9]{1,5}$ ]] || ((10#${!name} < low || 10#${!name} > high)); then
        die "$name=${!name}: a number from $low to $high is needed"
    fi
    printf -v "$name" %d "$((10#${!name}))"
}

# A stack that runs knows its PORT_BASE; to give it again is not necessary, to give another one is a mistake.
load_settings() {
    local running=
    ! anything_runs || running=$(<"$RUN_DIR/pids/port_base")
    PORT_BASE=${PORT_BASE:-${running:-8080}}
    TICKET_WORKERS=${TICKET_WORKERS:-1} PAYMENT_WORKERS=${PAYMENT_WORKERS:-1} AGGREGATORS=${AGGREGATORS:-1}
    APPENDFSYNC=${APPENDFSYNC:-always} REDIS_MAXMEMORY=${REDIS_MAXMEMORY:-4gb}
    check_number PORT_BASE 1 "$port_base_max"
    check_number TICKET_WORKERS 0 "$each_max"
    check_number PAYMENT_WORKERS 0 "$each_max"
    check_number AGGREGATORS 0 "$each_max"
    [[ $APPENDFSYNC =~ ^(always|everysec|no)$ ]] || die "APPENDFSYNC=$APPENDFSYNC: always, everysec or no is needed"
    [[ -z $running || $running == "$PORT_BASE" ]] ||
        die "the stack in $RUN_DIR runs with PORT_BASE=$running, not $PORT_BASE: take another RUN_DIR, or stop it first"
}

wanted_programs() {
    local i
    echo publisher
    for ((i = 1; i <= TICKET_WORKERS; i++)); do echo "ticket-worker-$i"; done
    for ((i = 1; i <= PAYMENT_WORKERS; i++)); do echo "payment-worker-$i"; done
    for ((i = 1; i <= AGGREGATORS; i++)); do echo "aggregator-$i"; done
}

# ticket-worker-2 is the program ticket-worker, number 2.
program_of() { sed -E 's/-[0-9]+$//' <<<"$1"; }

check_name() {
    [[ $1 =~ ^(redis|postgres|publisher|(ticket-worker|payment-worker|aggregator)-([1-9]|1[0-9]|20))$ ]] ||
        die "no process is called '$1': redis, postgres, publisher, ticket-worker-N, payment-worker-N, aggregator-N"
}

port_of() {
    local number=${1##*-}
    case $1 in
        publisher) echo $((PORT_BASE + 1)) ;;
        aggregator-1) echo $((PORT_BASE + 2)) ;;
        redis) echo $((PORT_BASE + 3)) ;;
        postgres) echo $((PORT_BASE + 4)) ;;
        ticket-worker-*) echo $((PORT_BASE + 10 + number - 1)) ;;
        payment-worker-*) echo $((PORT_BASE + 30 + number - 1)) ;;
        aggregator-*) echo $((PORT_BASE + 50 + number - 2)) ;;
    esac
}

# Passwords and keys are made once and stay until the stack is forgotten.
secret_names=(ADMIN_KEY CLIENT_KEY LINK_SECRET POSTGRES_PASSWORD OWNER_DB_PASSWORD
    {PUBLISHER,TICKET,PAYMENT,AGGREGATOR}_{DB,REDIS}_PASSWORD)

make_secrets() {
    local name
    [[ ! -e $RUN_DIR/secrets ]] || return 0
    for name in "${secret_names[@]}"; do
        echo "$name=$(od -An -N20 -tx1 /dev/urandom | tr -d ' \n')"
    done >"$RUN_DIR/secrets.new"
    mv "$RUN_DIR/secrets.new" "$RUN_DIR/secrets"
}

load_secrets() {
    # shellcheck source=/dev/null
    . "$RUN_DIR/secrets"
}

database_url() { echo "postgres://$1:$2@127.0.0.1:$(port_of postgres)/${3:-karcis}"; }

# For people and tests: the operator's and the owner's view.
write_env() {
    cat >"$RUN_DIR/env.new" <<END
export REDIS_URL=redis://127.0.0.1:$(port_of redis)
export DATABASE_URL=$(database_url karcis "$OWNER_DB_PASSWORD")
export BASE_URL=http://127.0.0.1:$PORT_BASE
export PUBLISHER_URL=http://127.0.0.1:$(port_of publisher)
export AGGREGATOR_URL=http://127.0.0.1:$(port_of aggregator-1)
export ADMIN_KEY=$ADMIN_KEY
export CLIENT_KEY=$CLIENT_KEY
END
    mv "$RUN_DIR/env.new" "$RUN_DIR/env"
}

# The environment of one of our programs, on top of the caller's.
program_env() {
    local role
    role=$(program_of "$1")
    role=${role%-worker}
    local redis_password=${role^^}_REDIS_PASSWORD db_password=${role^^}_DB_PASSWORD
    program_environment=(
        INSTANCE="$1"
        HTTP_LISTEN="127.0.0.1:$(port_of "$1")"
        REDIS_URL="redis://$role:${!redis_password}@127.0.0.1:$(port_of redis)"
        DATABASE_URL="$(database_url "karcis_$role" "${!db_password}")"
        BASE_URL="http://127.0.0.1:$PORT_BASE"
        ADMIN_KEY="$ADMIN_KEY" CLIENT_KEY="$CLIENT_KEY" LINK_SECRET="$LINK_SECRET"
        GUEST_SESSIONS="${GUEST_SESSIONS:-yes}" OPEN_READS="${OPEN_READS:-yes}"    # it is a demo
    )
}
