#!/bin/sh
# Makes the secrets that docker-compose.yml mounts: `sh deploy/secrets.sh [FOLDER]`, ./secrets by
# default. What is there stays, so it may be run again. The folder is closed to others; the files in
# it are readable, because the containers read them as users of their own.
set -eu

folder="${1:-secrets}"
umask 077
mkdir -p "$folder"
chmod 700 "$folder"

random() {
    head -c 32 /dev/urandom | base64 | tr -d '\n=' | tr '+/' '-_'
}

digest() { # digest NAME: SHA-256 of the secret in that file
    printf %s "$(cat "$folder/$1")" | sha256sum | cut -d ' ' -f 1
}

keep() { # keep NAME: what stdin says, unless there is such a file already
    if [ ! -e "$folder/$1" ]; then
        cat > "$folder/.$1.new"
        chmod 444 "$folder/.$1.new"
        mv "$folder/.$1.new" "$folder/$1"
        echo "made $folder/$1"
    fi
}

for name in postgres redis orthanc api-key prometheus-key grafana; do
    random | keep "$name"
done

acl="$(dirname "$0")/redis/users.acl"
sed -e "s/\${CUTIS_REDIS_PASSWORD_SHA256}/$(digest redis)/" -e 's/${CUTIS_REDIS_KEY_PREFIX}/cutis:/' "$acl" | keep redis-users.acl
printf '{ "RegisteredUsers": { "cutis": "%s" } }\n' "$(cat "$folder/orthanc")" | keep orthanc.json
{
    echo "admin admin sha256:$(digest api-key)"
    echo "prometheus read sha256:$(digest prometheus-key)"
} | keep api-keys
