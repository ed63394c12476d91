# `nix run`: scripts/up with its programs on PATH and the services of this flake instead of a build by cargo.
{
  self,
  pkgs,
  services,
}:
let
  tools = import ./tools.nix pkgs;
in
pkgs.writeShellApplication {
  name = "crud-master";
  runtimeInputs = tools.running;
  runtimeEnv = {
    SERVICES = "${services}/bin";
    SOURCE = "${self}"; # the flake as it is in the store: no second copy of .env
  };
  text = builtins.readFile ./run.sh;
}
