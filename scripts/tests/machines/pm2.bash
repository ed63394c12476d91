# shellcheck shell=bash
# What crashes comes back, and what is stopped may finish what it has begun.

killed=$(app_pid billing-vm billing_app)
on billing-vm kill -9 "$killed"
back() { local pid; pid=$(app_pid billing-vm billing_app) && [[ $pid != "$killed" && ${pid:-0} != 0 ]] && echo back; }
expect_within 5 "pm2 starts again what was killed" back back
expect_within 10 "it is ready again" 200 ready

# A request whose body takes three seconds: longer than pm2 would wait by itself, shorter than the service would.
body='{"title":"slow"}'
# shellcheck disable=SC2016 # for the shell there
slowly='exec 3<>"/dev/tcp/$1/$2"; printf "POST /api/movies HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${#3}\r\n\r\n{" >&3
    sleep 3; printf "%s" "${3:1}" >&3; timeout 5 head -n 1 <&3 | tr -d "\r\n"'
on host bash -c "$slowly" slowly "$GATEWAY_VM_IP" "$API_GATEWAY_PORT" "$body" >"$SCRATCH/slow" 2>&1 &
asking=$!
pause 1
on gateway-vm sudo pm2 stop api_gateway >/dev/null
wait "$asking" || true
expect_equal "what pm2 stops finishes what it has begun" "HTTP/1.1 200 OK" "$(<"$SCRATCH/slow")"
on gateway-vm sudo pm2 start api_gateway >/dev/null
expect_within 10 "the gateway is ready again" 200 ready
