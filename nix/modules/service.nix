# What the three services have in common, written once: their options, and the unit that runs one of them.
#
# The unit runs pm2 in the foreground as an unprivileged user; root's `pm2` command speaks to that pm2, so that
# `sudo pm2 stop NAME` stops the service and leaves it stopped. pm2 restarts what crashes, with a growing delay;
# systemd restarts pm2. All secrets come from `environmentFile` at run time; no unit and no store path holds one.
{
  config,
  lib,
  pkgs,
}:
let
  inherit (lib) mkEnableOption mkOption types;

  hardening = import ./hardening.nix // {
    RemoveIPC = true; # the user is the service's own
    RestrictAddressFamilies = [
      "AF_INET"
      "AF_INET6"
      "AF_NETLINK" # Node.js lists the network interfaces
      "AF_UNIX"
    ];
  };
in
{
  # The options of one service; `description` completes "Whether to run ...".
  options =
    {
      name,
      description,
      port,
    }:
    {
      enable = mkEnableOption description;

      package = mkOption {
        type = types.package;
        description = "The package that has `bin/${name}`.";
      };

      environmentFile = mkOption {
        type = types.str;
        default = "/etc/crud-master/env";
        description = ''
          The variables of `.env` that the service needs, secrets included, as systemd reads them; mode 0600. For each
          NAME in it there may be a NAME_FILE instead, outside of /home, /root and /tmp. Addresses and ports in it yield to the options here.
        '';
      };

      address = mkOption {
        type = types.str;
        default = "127.0.0.1";
        description = "Where the service listens, and where the other machines find it.";
      };

      port = mkOption {
        type = types.port;
        default = port;
        description = "The TCP port of the service.";
      };

      openFirewall = mkOption {
        type = types.bool;
        default = false;
        description = "Whether to let in those to whom nix/machines.json offers the ports of this machine.";
      };

      interface = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "eth1";
        description = "The only network interface through which they are let in; null for any.";
      };
    };

  # The configuration of one service: `name` is its crate, binary, unit and user, `pm2` its name there, `settings` what
  # must agree with the rest of the machine and so wins over `environmentFile`, `after` the units that prepare for it.
  config =
    {
      name,
      pm2,
      cfg,
      settings,
      after ? [ ],
    }:
    let
      home = "/var/lib/${name}";

      settingsFile = pkgs.writeText "${name}.env" (
        lib.concatLines (lib.mapAttrsToList (variable: value: "${variable}=${toString value}") settings)
      );

      pm2ForRoot = pkgs.writeShellApplication {
        name = "pm2";
        runtimeInputs = [
          pkgs.pm2
          pkgs.util-linux
        ];
        runtimeEnv = {
          UNIT = name;
          HOME_OF_UNIT = home;
        };
        text = builtins.readFile ./pm2.sh;
      };
    in
    {
      assertions = [
        {
          assertion = !lib.hasPrefix builtins.storeDir cfg.environmentFile;
          message = "crud-master: the environmentFile of ${name} is ${cfg.environmentFile}: everybody can read what is in the store; name a file outside of it.";
        }
        {
          assertion = cfg.openFirewall -> !lib.hasPrefix "127." cfg.address;
          message = "crud-master: openFirewall of ${name} is set, but it listens on ${cfg.address}, which no other machine can reach: set its address.";
        }
        {
          assertion =
            lib.count (service: service.enable) (
              with config.services.crud-master;
              [
                gateway
                inventory
                billing
              ]
            ) == 1;
          message = "crud-master: ${name} and another service are enabled on this machine: it is one service a machine, as `sudo pm2` speaks to one pm2.";
        }
      ];

      users.users.${name} = {
        isSystemUser = true;
        group = name;
        inherit home;
      };
      users.groups.${name} = { };

      environment.systemPackages = [ pm2ForRoot ];

      systemd.services.${name} = {
        description = "crud-master: ${name} under pm2";
        wantedBy = [ "multi-user.target" ];
        # Wanted, not required: a restart of a server must not restart the service, which waits for it by itself.
        wants = [ "network-online.target" ] ++ after;
        after = [ "network-online.target" ] ++ after;
        path = [
          cfg.package
          pkgs.procps # pm2 asks `ps` for the children of what it stops
        ];
        environment = {
          HOME = home;
          PM2_HOME = "${home}/pm2";
        };
        unitConfig.AssertPathExists = cfg.environmentFile;
        startLimitIntervalSec = 0; # never give up
        # Active means that pm2 listens: a command that finds nobody would start another pm2 beside the unit.
        preStart = "rm -f ${home}/pm2/rpc.sock";
        postStart = "for _ in {1..300}; do [ ! -S ${home}/pm2/rpc.sock ] || exit 0; sleep 0.1; done; exit 1";
        serviceConfig = hardening // {
          ExecStart = "${pkgs.pm2}/bin/pm2-runtime start ${../pm2/ecosystem.json} --only ${pm2} --no-auto-exit";
          EnvironmentFile = [
            cfg.environmentFile
            "${settingsFile}"
          ];
          User = name;
          Group = name;
          StateDirectory = name;
          StateDirectoryMode = "0750";
          WorkingDirectory = home;
          Restart = "always";
          RestartSec = 5;
          # The signal is for pm2, which hands it on: to the service a second one would mean "at once".
          KillMode = "mixed";
          TimeoutStopSec = 30; # above pm2's kill_timeout
        };
      };

      # pm2 writes what `pm2 logs` shows to files, and would let them grow for ever.
      services.logrotate.settings.${name} = {
        files = "${home}/pm2/logs/*.log";
        su = "${name} ${name}";
        frequency = "hourly";
        size = "10M";
        rotate = 3;
        copytruncate = true;
        missingok = true;
        notifempty = true;
      };
    };
}
