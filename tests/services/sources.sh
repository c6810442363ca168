# shellcheck shell=bash disable=SC2034,SC2154 # what one file sets, another reads
# Finds the servers: installed ones, those that apt-get can install, and containers.

declare -A PACKAGES=(
    [postgres]=postgresql
    [mysql]=mariadb-server
    [redis]=redis-server
    [amqp]=rabbitmq-server
    [nats]=nats-server
)
declare -A IMAGES=(
    [postgres]=postgres:17
    [mysql]=mariadb:11
    [redis]=redis:7
    [amqp]=rabbitmq:4
    [nats]=nats:2
)
declare -A PORTS=([postgres]=5432 [mysql]=3306 [redis]=6379 [amqp]=5672 [nats]=4222)

# Sets `source_of` of each service to `installed` or `container`.
find_sources() {
    local service missing=()
    for service in "$@"; do
        if is_installed "$service"; then
            source_of["$service"]=installed
        else
            missing+=("$service")
        fi
    done
    if [[ ${#missing[@]} -gt 0 ]] && can_install; then
        install "${missing[@]}"
        local still=()
        for service in "${missing[@]}"; do
            if is_installed "$service"; then
                source_of["$service"]=installed
            else
                still+=("$service")
            fi
        done
        missing=(${still[@]+"${still[@]}"})
    fi
    if [[ ${#missing[@]} -gt 0 ]] && find_engine; then
        for service in "${missing[@]}"; do source_of["$service"]=container; done
        missing=()
    fi
    [[ ${#missing[@]} -gt 0 ]] || return 0
    say "missing: ${missing[*]}; not installed, and neither docker nor podman is available"
    if [[ ${RESILIENCE_REQUIRE_SERVICES-} == 1 ]]; then
        fail 69 'RESILIENCE_REQUIRE_SERVICES=1 requires all of them'
    fi
}

is_installed() {
    [[ ${RESILIENCE_SERVICES_FROM-} != containers ]] || return 1
    program_of "$1" >/dev/null || return 1
    case $1 in
        mysql) PATH=$PATH:/usr/sbin command -v mariadb-install-db >/dev/null ;;
        amqp) command -v epmd >/dev/null ;;
    esac
}

program_of() {
    local candidates
    case $1 in
        # Debian keeps each version of PostgreSQL in a directory outside of the path. Take the
        # newest.
        postgres)
            # shellcheck disable=SC2012 # no such name holds a line feed
            candidates=(
                postgres
                "$(ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null | sort -V | tail -n 1)"
            )
            ;;
        mysql) candidates=(mariadbd) ;;
        redis) candidates=(redis-server) ;;
        # Debian's wrapper in the path switches to its own user and directory.
        amqp) candidates=(/usr/lib/rabbitmq/bin/rabbitmq-server rabbitmq-server) ;;
        nats) candidates=(nats-server) ;;
    esac
    local candidate
    for candidate in "${candidates[@]}"; do
        [[ -z $candidate ]] ||
            PATH=$PATH:/usr/sbin:/usr/local/sbin command -v "$candidate" && return
    done
    return 1
}

can_install() {
    [[ $EUID -eq 0 && -e /etc/debian_version && ${RESILIENCE_INSTALL_SERVICES-1} == 1 ]] &&
        [[ ${RESILIENCE_SERVICES_FROM-} != containers ]] && command -v apt-get >/dev/null
}

# Installs packages without asking, and without starting their daemons.
install() {
    local service packages=()
    for service in "$@"; do packages+=("${PACKAGES[$service]}"); done
    say "installing ${packages[*]}"
    (
        # Only one at a time, because each run removes only its own policy file.
        flock 8
        if [[ ! -e /usr/sbin/policy-rc.d ]]; then
            : >"$directory/policy"
            printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
            chmod 755 /usr/sbin/policy-rc.d
        fi
        apt_get install "${packages[@]}" ||
            { apt_get update && apt_get install "${packages[@]}"; } ||
            say "apt-get could not install ${packages[*]}"
        if [[ -e $directory/policy ]]; then rm -f /usr/sbin/policy-rc.d "$directory/policy"; fi
    ) 8>/var/lock/resilience-with-services 9>&- >&2
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

find_engine() {
    for engine in docker podman; do
        if command -v "$engine" >/dev/null && timeout 10 "$engine" info >/dev/null 2>&1; then
            echo "$engine" >"$directory/engine"
            return 0
        fi
    done
    return 1
}

start_container() {
    local service=$1 home=$directory/$1 options=()
    if [[ -e $home/container ]]; then
        "$engine" start "$(<"$home/container")" >/dev/null
        return
    fi
    case $service in
        postgres) options=(-e "POSTGRES_PASSWORD=$PASSWORD") ;;
        mysql) options=(-e "MARIADB_ROOT_PASSWORD=$PASSWORD" -e MARIADB_DATABASE=test) ;;
    esac
    # Write the name before creating the container, so that it is always removed.
    echo "services-${directory##*.}-$service" >"$home/container"
    "$engine" run -d --name "$(<"$home/container")" \
        -p "127.0.0.1:$(<"$home/port"):${PORTS[$service]}" \
        ${options[@]+"${options[@]}"} "${IMAGES[$service]}" \
        ${server_arguments[@]+"${server_arguments[@]}"} >>"$home/log" 2>&1 ||
        { rm "$home/container" && return 1; }
}

# The images of PostgreSQL and MariaDB first start a server that can't be reached from outside. So
# check through TCP.
container_is_ready() {
    local home=$directory/$1 name
    name=$(<"$home/container")
    "$engine" logs "$name" >"$home/log" 2>&1 || return 1
    case $1 in
        postgres) "$engine" exec "$name" pg_isready -q -h 127.0.0.1 ;;
        mysql)
            "$engine" exec "$name" \
                mariadb-admin -h 127.0.0.1 -uroot "-p$PASSWORD" --silent ping >/dev/null 2>&1
            ;;
        *) grep -q "${READY[$1]}" "$home/log" ;;
    esac
}
