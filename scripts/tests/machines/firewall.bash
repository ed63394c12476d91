# shellcheck shell=bash
# Who reaches what. What must be refused is tried all at once, as a dropped connection says nothing for a second.

refused=(
    "host $INVENTORY_VM_IP 8080" "host $BILLING_VM_IP 8081" "host $BILLING_VM_IP 5672"
    "host $INVENTORY_VM_IP 5432" "host $BILLING_VM_IP 5432"
    "gateway-vm $INVENTORY_VM_IP 5432" "gateway-vm $BILLING_VM_IP 5432"
    "inventory-vm $BILLING_VM_IP 8081"
)
for try in "${refused[@]}"; do
    # shellcheck disable=SC2086 # three words
    reaches $try >"$SCRATCH/${try// /-}" &
done
wait
for try in "${refused[@]}"; do expect_equal "refused: $try" closed "$(<"$SCRATCH/${try// /-}")"; done

for try in "host $GATEWAY_VM_IP 3000" "inventory-vm $GATEWAY_VM_IP 3000" "gateway-vm $INVENTORY_VM_IP 8080" \
    "billing-vm $INVENTORY_VM_IP 8080" "gateway-vm $BILLING_VM_IP 8081" "gateway-vm $BILLING_VM_IP 5672" \
    "inventory-vm $BILLING_VM_IP 5672" "billing-vm $BILLING_VM_IP 5672"; do
    # shellcheck disable=SC2086 # three words
    expect_equal "let in: $try" open "$(reaches $try 10)"
done
for machine in gateway-vm inventory-vm billing-vm; do
    # Whatever listens there: nothing else is open.
    for tables in iptables ip6tables; do
        expect_equal "$machine drops what it does not offer ($tables)" DROP "$(on "$machine" "$tables" -S INPUT | sed -n 's/^-P INPUT //p')"
    done
done
expect_equal "gateway-vm has neither database nor broker" '' "$(on gateway-vm ps -eo comm= | grep -E 'postgres|beam|epmd' || true)"
