# shellcheck shell=bash
# What crashes comes back.

killed=$(app_pid billing-vm billing_app)
on billing-vm kill -9 "$killed"
back() { local pid; pid=$(app_pid billing-vm billing_app) && [[ $pid != "$killed" && ${pid:-0} != 0 ]] && echo back; }
expect_within 5 "pm2 starts again what was killed" back back
expect_within 10 "it is ready again" 200 ready
