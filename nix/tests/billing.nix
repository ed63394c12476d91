# the audit: payments while billing_app is stopped by pm2, while RabbitMQ restarts, and after a crash.
args: import ./. args "billing"
