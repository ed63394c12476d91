# What a machine offers, and to whom: the table in ../machines.json as firewall rules, for the services with `openFirewall`.
# Everything else stays shut; what a machine asks of itself goes over loopback, which is open.
{ config, lib, ... }:
let
  inherit (lib.importJSON ../machines.json) machines;
  inherit (config.services.crud-master) gateway inventory billing;

  services = {
    gateway-vm = gateway;
    inventory-vm = inventory;
    billing-vm = billing;
  };

  ports = {
    API_GATEWAY_PORT = gateway.port;
    INVENTORY_APP_PORT = inventory.port;
    BILLING_APP_PORT = billing.port;
    AMQP_PORT = billing.amqpPort;
  };

  rule =
    machine: offer: client:
    lib.concatStringsSep " " (
      lib.optional (services.${machine}.interface != null) ''iifname "${services.${machine}.interface}"''
      ++ lib.optional (client != "anyone") "ip saddr ${services.${client}.address}"
      ++ [ "tcp dport ${toString ports.${offer.port}} accept" ]
    );

  rulesOf =
    machine:
    lib.optionals (services.${machine}.enable && services.${machine}.openFirewall) (
      lib.concatMap (offer: map (rule machine offer) offer.to) machines.${machine}.offers
    );

  rules = lib.concatMap rulesOf (lib.attrNames services);
in
{
  config = lib.mkIf (rules != [ ]) {
    # "From this address only" is one line of nftables; with iptables it would be commands to run and to undo.
    networking.nftables.enable = lib.mkDefault true;
    networking.firewall.extraInputRules = lib.concatLines rules;

    assertions = [
      {
        assertion = config.networking.nftables.enable;
        message = "crud-master: openFirewall writes nftables rules: leave networking.nftables.enable on, or open the ports yourself.";
      }
    ];
  };
}
