#!/usr/bin/env bash
# examples/to_everything.sh VIDEO [PROGRAM]: starts a Redis, a MariaDB, an InfluxDB, a mosquitto and an nginx of its own on
# this machine, runs to_everything (PROGRAM) on VIDEO, and asks each what it has. All of it is gone in the end. It needs
# redis-server, mariadb-server, influxdb, mosquitto, mosquitto-clients, nginx-light, sqlite3, curl and python3.
set -euo pipefail
video=$(realpath "${1:?usage: to_everything.sh VIDEO [PROGRAM]}")
program=${2:-$(dirname "$0")/../build/examples/examples/to_everything}
if [[ ! -x $program ]]; then
  echo "to_everything.sh: there is no $program yet: cmake --preset examples && cmake --build --preset examples" >&2
  exit 1
fi
program=$(realpath "$program")

for needed in redis-server mariadbd influxd mosquitto mosquitto_sub nginx sqlite3 curl python3; do
  PATH=$PATH:/usr/sbin command -v "$needed" >/dev/null || { echo "skipped: needs $needed"; exit 0; }
done
export PATH=$PATH:/usr/sbin

folder=$(mktemp -d)
servers=()
trap 'kill "${servers[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder"
mkdir results bodies
read -r redis mysql influx backup webhook mqtt <<<"$(python3 -c '
import socket
sockets = [socket.socket() for _ in range(6)]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))')"

redis-server --bind 127.0.0.1 --port "$redis" --save '' --daemonize no >redis.log &
servers+=($!)
mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$folder/my" --tmpdir="$folder" \
  --auth-root-authentication-method=normal --skip-test-db >mysql.log 2>&1
mariadbd --no-defaults --user="$(id -un)" --datadir="$folder/my" --tmpdir="$folder" \
  --socket="$folder/my.sock" --pid-file="$folder/my.pid" --bind-address=127.0.0.1 --port="$mysql" >>mysql.log 2>&1 &
servers+=($!)
cat >influx.conf <<END
reporting-disabled = true
bind-address = "127.0.0.1:$backup"
[meta]
  dir = "$folder/meta"
[data]
  dir = "$folder/data"
  wal-dir = "$folder/wal"
[http]
  bind-address = "127.0.0.1:$influx"
END
influxd -config influx.conf >influx.log 2>&1 &
servers+=($!)
printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$mqtt" >mosquitto.conf
mosquitto -c mosquitto.conf >mosquitto.log 2>&1 &
servers+=($!)
cat >nginx.conf <<END
daemon off; master_process off; error_log stderr; pid nginx.pid;
events {}
http {
  access_log off; client_body_temp_path bodies; proxy_temp_path t1; fastcgi_temp_path t2; uwsgi_temp_path t3; scgi_temp_path t4;
  server {
    listen 127.0.0.1:$webhook;
    location /results { client_body_in_file_only on; proxy_pass http://127.0.0.1:$webhook/taken; }
    location /taken { return 204; }
  }
}
END
nginx -p "$folder/" -c "$folder/nginx.conf" >nginx.log 2>&1 &
servers+=($!)
ask_mysql() { mariadb --no-defaults --user=root --socket="$folder/my.sock" "$@"; }
ask_influx() { curl -sG "http://127.0.0.1:$influx/query?db=video" --data-urlencode "q=$1"; }
for _ in $(seq 100); do
  ask_mysql -e '' 2>/dev/null && ask_influx 'SHOW DATABASES' >/dev/null && break
  sleep 0.2
done
ask_mysql -e "CREATE DATABASE video; CREATE USER video@'127.0.0.1' IDENTIFIED BY 'a secret'; GRANT ALL ON video.* TO video@'127.0.0.1'"
ask_influx 'CREATE DATABASE video' >/dev/null
mosquitto_sub -p "$mqtt" -t 'results/#' -F '%t %p' >mqtt.txt &
servers+=($!)
sleep 0.5

cp "$video" "clip.${video##*.}"
MYSQL_PASSWORD='a secret' "$program" "clip.${video##*.}" results redis="$redis" mysql="$mysql" influx="$influx" \
  webhook="$webhook" mqtt="$mqtt" tdengine=1

say() { printf '\n$ %s\n' "$1"; }
say "head -n 2 results.csv"
head -n 2 results/results.csv
say "head -n 1 results.jsonl"
head -n 1 results/results.jsonl
question="SELECT time_ns / 1e9, json_extract(value, '\$.mean') FROM results WHERE algorithm = 'brightness' ORDER BY time_ns LIMIT 2"
say "sqlite3 results.db \"$question\""
sqlite3 results/results.db "$question"
say "redis-cli XRANGE results:brightness:clip.${video##*.} - + COUNT 1"
redis-cli -p "$redis" XRANGE "results:brightness:clip.${video##*.}" - + COUNT 1 | paste -sd' '
question="SELECT time_ns / 1e9, JSON_VALUE(value, '\$.mean') FROM results WHERE algorithm = 'brightness' ORDER BY time_ns LIMIT 2"
say "mariadb video -e \"$question\""
ask_mysql -N video -e "$question"
question="SELECT value_mean, value_dark FROM brightness LIMIT 2"
say "curl -G 'http://127.0.0.1:8086/query?db=video' --data-urlencode \"q=$question\""
ask_influx "$question"
say "the body of the first request that nginx got"
head -n 1 "$(find bodies -type f | sort | head -n 1)"
say "mosquitto_sub -t 'results/#' -F '%t %p'"
head -n 1 mqtt.txt
