-- What wrk posts as a payment: the exercise's, without an Idempotency-Key, so each is a new one.
wrk.method = "POST"
wrk.body = '{"user_id":"3","number_of_items":"5","total_amount":"180"}'
wrk.headers["Content-Type"] = "application/json"
