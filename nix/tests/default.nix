# The three machines of nix/machines and a client, as the tests run them: `machines NAME` is one test, whose script is
# system.py and then NAME.py. Addresses and ports are those of nix/environment.json; the passwords are made up here.
{ self, pkgs }:
let
  inherit (pkgs) lib;
  table = lib.importJSON ../machines.json;
  public = lib.importJSON ../environment.json;
  secrets = lib.genAttrs table.secrets (name: "made up for ${name}") // {
    OPERATOR_TOKEN = "";
  };

  node = machine: memory: {
    imports = [
      self.nixosModules.default
      (import ../machines/machine.nix machine)
    ];
    virtualisation.memorySize = memory;
    environment.systemPackages = [ pkgs.netcat ];
    # In the store, as nothing here is a secret; a real machine gets it from the Vagrantfile.
    environment.etc."crud-master/env" = {
      mode = "0600";
      text = lib.concatMapStrings (
        name: "${name}='${(public // secrets).${name}}'\n"
      ) table.machines.${machine}.variables;
    };
  };

  constants = {
    GATEWAY = "http://${public.API_GATEWAY_HOST}:${public.API_GATEWAY_PORT}";
    INVENTORY = "${public.INVENTORY_APP_HOST} ${public.INVENTORY_APP_PORT}";
    BILLING = "${public.BILLING_APP_HOST} ${public.BILLING_APP_PORT}";
    AMQP = "${public.AMQP_HOST} ${public.AMQP_PORT}";
    COLLECTION = "${../../postman}";
    PERMISSIONS = map (
      granted: granted // { user = public.${lib.replaceStrings [ "@" ] [ "" ] granted.user}; }
    ) (lib.importJSON ../../crates/messages/topology.json).permissions;
  };
in
name:
pkgs.testers.runNixOSTest {
  name = "crud-master-${name}";

  nodes = {
    gateway = node "gateway-vm" 1024;
    inventory = node "inventory-vm" 1024;
    billing = node "billing-vm" 2048;
    client = {
      environment.systemPackages = [
        pkgs.curl
        pkgs.netcat
        pkgs.newman
      ];
      networking.interfaces.eth1.ipv4.addresses = [
        {
          address = "192.168.56.1";
          prefixLength = 24;
        }
      ];
    };
  };

  testScript = lib.concatStrings (
    lib.mapAttrsToList (constant: value: "${constant} = ${builtins.toJSON value}\n") constants
    ++ [
      (builtins.readFile ./system.py)
      (builtins.readFile (./. + "/${name}.py"))
    ]
  );
}
