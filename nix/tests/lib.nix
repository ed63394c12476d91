# The few functions of nixpkgs' lib that nix/packages.nix uses, for a machine that has Nix and no
# network: scripts/check-nix evaluates both with them. File sets are lists of files here.
let
  filesBelow =
    path:
    if builtins.readFileType path == "directory" then
      builtins.concatMap (name: filesBelow (path + "/${name}")) (
        builtins.attrNames (builtins.readDir path)
      )
    else
      [ path ];
in
builtins
// rec {
  nameValuePair = name: value: { inherit name value; };
  genAttrs = names: value: builtins.listToAttrs (map (name: nameValuePair name (value name)) names);
  filterAttrs =
    predicate: set:
    removeAttrs set (builtins.filter (name: !predicate name set.${name}) (builtins.attrNames set));
  importTOML = path: fromTOML (builtins.readFile path);

  licenses.mit = null;
  platforms.linux = null;

  fileset = {
    maybeMissing = path: if builtins.pathExists path then path else [ ];
    unions = builtins.concatMap (part: if builtins.isList part then part else filesBelow part);
    toSource = { fileset, ... }: fileset;
  };
}
