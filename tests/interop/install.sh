#!/bin/sh
# tests/interop/install.sh [KIND...]: other people's clients into .cache/interop, nothing anywhere
# else. Kinds: debian npm (without an argument: these) pypi maven go, sdk (AWS's own for JavaScript, for the
# sandbox), moto (S3, STS and CloudWatch in Python, which witnesses the AWS client and the sandbox; with boto3), drill (the programs of
# tests/interop/drill, for what is there). What is there is kept; remove .cache/interop/KIND to fetch it again.
# Debian's own packages come from tools/setup.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
mkdir -p "$top/.cache/interop"
store=$(cd "$top/.cache/interop" && pwd)
[ $# -gt 0 ] || set -- debian npm

# Into a folder beside, which takes its name when all of it is there.
made() {
    rm -rf "$store/$1"
    mv "$store/$1.part" "$store/$1"
}
begin() {
    [ ! -d "$store/$1" ] || return 1
    rm -rf "$store/$1.part"
    mkdir "$store/$1.part"
    echo "interop: fetching $2"
}

debian() {
    "$top/tools/setup.sh" interop
    begin debian "nothing, building the hiredis client" || return 0
    cc -O1 -o "$store/debian.part/hiredis" "$here/clients/client.c" -lhiredis
    made debian
}

npm_() {
    # A newer Node than Debian's is taken where there is one.
    command -v npm >/dev/null || "$top/tools/setup.sh" node
    begin node "clients from npm" || return 0
    (cd "$store/node.part" && echo '{"private": true}' >package.json &&
        npm install --no-audit --no-fund --loglevel=error redis@6 ioredis@6 iovalkey@0.4 @valkey/valkey-glide@2 bullmq@6)
    made node
}

sdk() {
    command -v npm >/dev/null || "$top/tools/setup.sh" node
    begin sdk "the AWS SDK from npm" || return 0
    (cd "$store/sdk.part" && echo '{"private": true}' >package.json &&
        npm install --no-audit --no-fund --loglevel=error @aws-sdk/client-s3@3 @aws-sdk/client-elasticache@3 @aws-sdk/lib-storage@3 \
            @aws-sdk/client-cloudwatch@3)
    made sdk
}

pypi() {
    begin python "clients from PyPI" || return 0
    /usr/bin/python3 -m pip install -q --root-user-action=ignore --target "$store/python.part" redis valkey 'celery[redis]'
    made python
}

moto() {
    begin moto "moto from PyPI" || return 0
    /usr/bin/python3 -m pip install -q --root-user-action=ignore --target "$store/moto.part" 'moto[s3,server]>=5.1,<6' boto3 awscrt 2>"$store/moto.log" || {
        tail -n 5 "$store/moto.log" >&2
        return 1
    }
    made moto
}

maven() {
    begin maven "clients from Maven Central" || return 0
    cp "$here/clients/pom.xml" "$store/maven.part/"
    (cd "$store/maven.part" && mvn -q -B -Dmaven.repo.local="$store/m2" dependency:copy-dependencies -DoutputDirectory=jars)
    made maven
}

go_() {
    begin go "clients from the Go module proxy" || return 0
    go=$(command -v go || echo /usr/local/go/bin/go)
    cp "$here/clients/client.go" "$store/go.part/"
    (cd "$store/go.part" && export GOPATH="$store/gopath" GOCACHE="$store/gocache" GOFLAGS=-modcacherw &&
        "$go" mod init interop && "$go" mod tidy && "$go" build -o client client.go) >"$store/go.log" 2>&1 || {
        tail -n 5 "$store/go.log" >&2
        return 1
    }
    made go
}

drill() {
    begin drill "nothing, building the clients of the failover drill" || return 0
    cc -O1 -o "$store/drill.part/hiredis" "$here/drill/drill.c" -lhiredis
    if [ -d "$store/maven" ]; then
        javac -cp "$store/maven/jars/*" -d "$store/drill.part/classes" "$here/drill/Drill.java"
    fi
    if [ -d "$store/go" ]; then
        go=$(command -v go || echo /usr/local/go/bin/go)
        cp "$here/drill/drill.go" "$store/go/"
        (cd "$store/go" && GOPATH="$store/gopath" GOCACHE="$store/gocache" "$go" build -o "$store/drill.part/go" drill.go)
    fi
    made drill
}

for kind in "$@"; do
    case $kind in
    npm) npm_ ;;
    go) go_ ;;
    debian | pypi | sdk | moto | maven | drill) "$kind" ;;
    *)
        echo "error: no kind is called '$kind'; one of debian npm pypi sdk moto maven go drill" >&2
        exit 2
        ;;
    esac
done
