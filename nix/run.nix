# `nix run`: scripts/up with its programs on PATH and the services of this flake instead of a build by cargo.
{
  pkgs,
  services,
}:
let
  inherit (pkgs) lib;
  tools = import ./tools.nix pkgs;
in
pkgs.writeShellApplication {
  name = "crud-master";
  runtimeInputs = tools.running;
  runtimeEnv = {
    SERVICES = "${services}/bin";
    SOURCE = lib.fileset.toSource {
      root = ../.;
      fileset = lib.fileset.unions [
        ../.env
        ../crates/messages/topology.json
        ../scripts
      ];
    };
  };
  text = builtins.readFile ./run.sh;
}
