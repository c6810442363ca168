# shellcheck shell=bash disable=SC2034,SC2154 # what one file sets, another reads
# How each server is prepared, started, and checked for readiness. Whatever is slow is off, such as
# making data durable.

SERVICES=(postgres mysql redis amqp nats)
DEADLINE=60 # seconds until a server has to be ready
PASSWORD=throw-away

# What a server logs when it is ready for connections.
declare -A READY=(
    [mysql]='ready for connections'
    [redis]='Ready to accept connections'
    [amqp]='Server startup complete'
    [nats]='Server is ready'
)

url_of() {
    local at
    at=127.0.0.1:$(<"$directory/$1/port")
    case $1 in
        postgres) echo "postgres://postgres:$PASSWORD@$at/postgres" ;;
        mysql) echo "mysql://root:$PASSWORD@$at/test" ;;
        redis) echo "redis://$at/" ;;
        amqp) echo "amqp://guest:guest@$at/%2f" ;;
        nats) echo "nats://$at" ;;
    esac
}

lay_out() {
    mkdir "$directory/$1"
    : >"$directory/$1/log"
    own "$directory/$1"
}

prepare() {
    [[ ${source_of[$1]} == container ]] || "prepare_$1" >>"$directory/$1/log" 2>&1
}

# Starts a server on its previous port, or on a free one.
launch() {
    local home=$directory/$1
    [[ -e $home/port ]] || free_port >"$home/port"
    : >"$home/log"
    case ${source_of[$1]} in
        installed) "serve_$1" "$(<"$home/port")" ;;
        container) start_container "$1" ;;
    esac
}

# Waits until a server is ready. If another process has taken the port in the meantime, the server
# gets a new one, unless it has already run and the port may be in use by a client.
settle() {
    local home=$directory/$1 _
    for _ in 1 2 3; do
        if until_ready "$1"; then
            : >"$home/settled"
            return 0
        fi
        [[ ! -e $home/settled ]] || return 1
        grep -qiE 'address already in use|eaddrinuse|port is already allocated' "$home/log" ||
            return 1
        take_down "$1"
        rm -f "$home/port" "$home/container"
        launch "$1" || return 1
    done
    return 1
}

take_down() {
    local home=$directory/$1 file
    if [[ -e $home/container ]]; then
        "$engine" stop -t 10 "$(<"$home/container")" >/dev/null
        return
    fi
    for file in "$home"/process*; do
        # On SIGINT, PostgreSQL disconnects its clients; on SIGTERM it would wait for them.
        case $1 in
            postgres) end "$file" INT ;;
            *) end "$file" TERM ;;
        esac
        forget "$file"
    done
}

until_ready() {
    local home=$directory/$1 until=$((SECONDS + DEADLINE))
    until is_ready "$1"; do
        [[ ${source_of[$1]} == container ]] || alive "$home/process" || return 1
        ((SECONDS < until)) || {
            say "$1 was not ready within $DEADLINE s"
            return 1
        }
        sleep 0.05
    done
}

is_ready() {
    local home=$directory/$1
    case ${source_of[$1]}-$1 in
        container-*) container_is_ready "$1" ;;
        # The log may be in any language. `postmaster.pid` has the process id on its first line and
        # the status on its eighth.
        *-postgres)
            local state pid
            read -r pid _ <"$home/process"
            { mapfile -t state <"$home/data/postmaster.pid"; } 2>/dev/null
            [[ ${state[0]-} == "$pid" && ${state[7]-} == ready* ]]
            ;;
        *) grep -q "${READY[$1]}" "$home/log" ;;
    esac
}

# Starts a process of a server. If this script runs as root, the process runs as `nobody`, because
# PostgreSQL refuses to run as root.
serve() {
    local service=$1 file=$directory/$1/$2
    shift 2
    in_background "$file" become "$@" </dev/null >>"$directory/$service/log" 2>&1
    disown
}

become() {
    cd "$directory" || return
    if [[ $EUID -eq 0 ]]; then
        exec setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups -- "$@"
    fi
    exec "$@"
}

as_server() { (become "$@"); }
own() { [[ $EUID -ne 0 ]] || chown nobody "$@"; }

prepare_postgres() {
    local home=$directory/postgres bin
    bin=$(dirname "$(program_of postgres)")
    echo "$PASSWORD" >"$home/password"
    as_server "$bin/initdb" --pgdata="$home/data" --username=postgres \
        --pwfile="$home/password" --auth=scram-sha-256 \
        --encoding=UTF8 --locale=C.UTF-8 --no-sync --no-instructions
}

serve_postgres() {
    serve postgres process "$(program_of postgres)" -D "$directory/postgres/data" \
        -p "$1" -k "$directory/postgres" -h 127.0.0.1 \
        -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c autovacuum=off \
        -c shared_buffers=32MB -c max_connections=200 -c deadlock_timeout=100ms \
        ${server_arguments[@]+"${server_arguments[@]}"}
}

prepare_mysql() {
    local home=$directory/mysql
    cat >"$home/init.sql" <<SQL
CREATE DATABASE IF NOT EXISTS test;
CREATE OR REPLACE USER root@'127.0.0.1' IDENTIFIED BY '$PASSWORD';
GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;
SQL
    as_server mariadb-install-db --no-defaults --datadir="$home/data" \
        --skip-test-db --skip-name-resolve --auth-root-authentication-method=normal \
        --innodb-log-file-size=8M --innodb-flush-log-at-trx-commit=0
}

serve_mysql() {
    local home=$directory/mysql
    serve mysql process "$(program_of mysql)" --no-defaults --datadir="$home/data" \
        --socket="$home/socket" --pid-file="$home/pid" --init-file="$home/init.sql" \
        --bind-address=127.0.0.1 --port="$1" --skip-name-resolve --skip-log-bin \
        --innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=32M \
        --innodb-log-file-size=8M --innodb-flush-method=nosync \
        --max-connections=200 ${server_arguments[@]+"${server_arguments[@]}"}
}

prepare_redis() { :; }

serve_redis() {
    serve redis process "$(program_of redis)" --bind 127.0.0.1 --port "$1" \
        --dir "$directory/redis" --save '' --appendonly no \
        ${server_arguments[@]+"${server_arguments[@]}"}
}

prepare_amqp() {
    local home=$directory/amqp
    # The home directory contains the cookie with which Erlang nodes authenticate each other.
    mkdir "$home/home"
    own "$home/home"
    echo '[].' >"$home/plugins"
    : >"$home/environment"
}

# Starts its own port mapper (epmd). Otherwise Erlang starts one for all nodes of the machine, on
# the well-known port, and leaves it running.
serve_amqp() {
    local home=$directory/amqp epmd distribution
    epmd=$(free_port) distribution=$(free_port)
    echo "listeners.tcp.1 = 127.0.0.1:$1" >"$home/rabbitmq.conf"
    serve amqp process-epmd epmd -port "$epmd" -address 127.0.0.1
    serve amqp process env HOME="$home/home" ERL_EPMD_PORT="$epmd" ERL_EPMD_ADDRESS=127.0.0.1 \
        RABBITMQ_NODENAME="services$1@localhost" RABBITMQ_DIST_PORT="$distribution" \
        RABBITMQ_LOGS=- \
        RABBITMQ_CONFIG_FILE="$home/rabbitmq" RABBITMQ_CONF_ENV_FILE="$home/environment" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$home/plugins" \
        RABBITMQ_MNESIA_BASE="$home/home" RABBITMQ_LOG_BASE="$home/home" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \
        "$(program_of amqp)" ${server_arguments[@]+"${server_arguments[@]}"}
}

prepare_nats() { :; }

serve_nats() {
    serve nats process "$(program_of nats)" --addr 127.0.0.1 --port "$1" \
        --jetstream --store_dir "$directory/nats/store" \
        ${server_arguments[@]+"${server_arguments[@]}"}
}

# A free port, below the range that the system uses for outgoing connections.
free_port() {
    local port
    while :; do
        port=$((10000 + (RANDOM * 32768 + RANDOM) % 22000))
        if ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
}
