# shellcheck shell=bash
# Wrong settings: a line in the log that says which, and a growing delay before the next try instead of a tight loop.

file=/etc/crud-master/env

logged() { # MACHINE SERVICE
    cat -- "$CRUD_MASTER_DATA/machines/$1/pm2/logs/$2-error.log"
}

# expect_refused MACHINE SERVICE TEXT: it ends at its start and says TEXT in one line, a few times only.
expect_refused() {
    local machine=$1 service=$2 text=$3 before lines starts
    on "$machine" sudo service "$service" stop >/dev/null # the last try with other settings is over
    before=$(logged "$machine" "$service" | wc -l)
    starts=$(starts "$machine")
    on "$machine" sudo service "$service" start >/dev/null
    pause 2
    on "$machine" sudo service "$service" stop >/dev/null # no line is read half
    lines=$(logged "$machine" "$service" | tail -n "+$((before + 1))" | grep -v ' INFO ' || true)
    [[ -n $lines ]] || fail "$text: nothing is logged"
    expect_equal "every line says: $text" '' "$(grep -vF "$text" <<<"$lines" || true)"
    starts=$(($(starts "$machine") - starts))
    ((starts >= 2 && starts <= 8)) || fail "$text: $starts starts in two seconds"
    say "ok: $starts starts in two seconds, the next after $(delay "$machine")"
}
starts() { grep -c 'starting in -fork mode-' "$CRUD_MASTER_DATA/machines/$1/pm2/pm2.log"; }
delay() { sed -n 's/.*will restart in //p' "$CRUD_MASTER_DATA/machines/$1/pm2/pm2.log" | tail -n 1; }

for machine in gateway-vm inventory-vm billing-vm; do
    expect_equal "only root reads the settings of $machine" '600 root' "$(on "$machine" stat -c '%a %U' "$file")"
done

on inventory-vm cp -p "$file" "$file.kept"
on inventory-vm sed -i "s/^MOVIES_DB_HOST=.*/MOVIES_DB_HOST=''/" "$file"
expect_refused inventory-vm inventory-app 'MOVIES_DB_HOST has a wrong value ``: it is empty'
on inventory-vm sed -i "/^MOVIES_DB_HOST=/d" "$file"
expect_refused inventory-vm inventory-app MOVIES_DB_HOST
on inventory-vm cp -p "$file.kept" "$file"
on inventory-vm sed -i "\$aMOVIES_DB_PASSWORD_FILE='/nowhere'" "$file"
expect_refused inventory-vm inventory-app MOVIES_DB_PASSWORD_FILE
on inventory-vm cp -p "$file.kept" "$file"
on inventory-vm sed -i "s/^MOVIES_DB_PASSWORD=.*/MOVIES_DB_PASSWORD='wrong'/" "$file"
expect_refused inventory-vm inventory-app 'check MOVIES_DB_USER and MOVIES_DB_PASSWORD'
on inventory-vm cp -p "$file.kept" "$file"

on inventory-vm sudo pm2 stop inventory_app >/dev/null
on inventory-vm timeout 60 python3 -m http.server "$INVENTORY_APP_PORT" --bind "$INVENTORY_VM_IP" >/dev/null 2>&1 &
expect_within 10 "another program has the port" open reaches gateway-vm "$INVENTORY_VM_IP" "$INVENTORY_APP_PORT"
expect_refused inventory-vm inventory-app "$INVENTORY_VM_IP:$INVENTORY_APP_PORT"
on inventory-vm pkill -f http.server || true
on inventory-vm rm -f "$file.kept"

on billing-vm sed -i "s/^BILLING_AMQP_PASSWORD=.*/BILLING_AMQP_PASSWORD='wrong'/" "$file"
before=$(logged billing-vm billing-app | wc -l)
on billing-vm sudo service billing-app restart >/dev/null
refusals() { if (($(logged billing-vm billing-app | tail -n "+$((before + 1))" | grep -c 'check BILLING_AMQP_USER, BILLING_AMQP_PASSWORD and AMQP_VHOST') > 0)); then echo said; fi; }
expect_within 5 "a wrong password for the broker is said" said refusals
pause 2
refused=$(logged billing-vm billing-app | tail -n "+$((before + 1))" | grep -c ACCESS-REFUSED)
((refused <= 12)) || fail "a wrong password for the broker: $refused lines in a few seconds"
# The next part, `crash`, puts the settings of .env back: that, too, is what `up` is for.
