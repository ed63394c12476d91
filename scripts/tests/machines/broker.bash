# shellcheck shell=bash
# The broker restarts while the billing is stopped: nothing is lost, nothing comes twice, and nobody else is restarted.

gateway_pid=$(app_pid gateway-vm api_gateway)
on billing-vm sudo pm2 stop billing_app >/dev/null
expect_equal "a payment before the restart" 200 "$(pay 31 | status_of)"
on billing-vm sudo service rabbitmq-server restart
paid() { pay 32 | status_of; }
expect_within 15 "a payment after the restart" 200 paid
expect_equal "the gateway has not been restarted" "$gateway_pid" "$(app_pid gateway-vm api_gateway)"
on billing-vm sudo pm2 start billing_app >/dev/null
expect_within 10 "the payment from before the restart is recorded" 1 rows_of 31
expect_within 10 "the payment from after the restart is recorded" 1 rows_of 32
