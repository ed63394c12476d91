# .env as Nix may know it: addresses, ports and names with the values that hold on the machines, and no secret.
# Reads what scripts/lib/env.sh reads: NAME=value, NAME='value' or NAME="value", the first of two lines wins.
{ lib }:
let
  table = lib.importJSON ./machines.json;

  line = "[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)[[:space:]]*=[[:space:]]*(.*)";

  parse =
    text:
    let
      parts = builtins.match line text;
    in
    lib.optional (parts != null) (lib.nameValuePair (lib.elemAt parts 1) (value (lib.elemAt parts 2)));

  value =
    raw:
    let
      quoted = builtins.match "'([^']*)'.*|\"([^\"]*)\".*" raw;
      plain = builtins.match "([^[:space:]]*).*" raw;
    in
    if lib.hasPrefix "#" raw then
      ""
    else if quoted == null then
      lib.head plain
    else
      lib.findFirst (part: part != null) "" quoted;

  inFile = lib.listToAttrs (lib.concatMap parse (lib.splitString "\n" (builtins.readFile ../.env)));

  # In the table of machines a value is the name of another variable, or stands for itself.
  onMachines = lib.mapAttrs (_: named: inFile.${named} or named) table.environment;
in
removeAttrs (inFile // onMachines) table.secrets
