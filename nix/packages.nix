# The three services, each built by crane from its own files, on dependencies that are compiled once for all of them. (Where
# the workspace asks more features of a dependency than one service does, that service compiles it again.)
#
# A service's files are its crate without tests, the shared libraries, and of every other crate the manifest and one source
# file: without these cargo would not load the workspace, or not accept the lock. So a change in one service rebuilds that
# one only. scripts/check-nix lays these files out and asks cargo; it also finds what the sources include.
{ pkgs, crane }:
let
  inherit (pkgs) lib;
  craneLib = crane.mkLib pkgs;

  root = ../.;
  crates = root + "/crates";
  names = lib.attrNames (lib.filterAttrs (_: type: type == "directory") (builtins.readDir crates));

  libraries = [
    "broker"
    "platform"
    "messages"
  ];

  # What is compiled, or read by what is compiled.
  whole =
    name:
    let
      crate = crates + "/${name}";
    in
    map lib.fileset.maybeMissing [
      (crate + "/Cargo.toml")
      (crate + "/README.md")
      (crate + "/build.rs")
      (crate + "/diesel.toml")
      (crate + "/openapi.json")
      (crate + "/assets")
      (crate + "/migrations")
      (crate + "/src")
      (crate + "/templates")
      (crate + "/topology.json")
    ];

  # What the other crates need to see: enough for cargo, and the contract, which the gateway shows.
  outside =
    name:
    let
      crate = crates + "/${name}";
      main = crate + "/src/main.rs";
    in
    [
      (crate + "/Cargo.toml")
      (if builtins.pathExists main then main else crate + "/src/lib.rs")
      (lib.fileset.maybeMissing (crate + "/openapi.json"))
    ];

  filesOf =
    service:
    lib.concatMap (
      name: if lib.elem name (libraries ++ [ service ]) then whole name else outside name
    ) names;

  source =
    files:
    lib.fileset.toSource {
      inherit root;
      fileset = lib.fileset.unions (
        [
          (root + "/Cargo.toml")
          (root + "/Cargo.lock")
        ]
        ++ files
      );
    };

  common = {
    pname = "crud-master";
    inherit ((lib.importTOML (root + "/Cargo.toml")).workspace.package) version;
    src = source [ crates ];
    strictDeps = true;
  };

  dependencies = craneLib.buildDepsOnly common;

  service =
    name:
    craneLib.buildPackage (
      common
      // {
        pname = name;
        src = source (filesOf name);
        cargoArtifacts = dependencies;
        cargoExtraArgs = "--locked -p ${name}";
        doCheck = false; # the checks run all tests together, with their servers
        meta = {
          mainProgram = name;
          license = lib.licenses.mit;
          platforms = lib.platforms.linux;
        };
      }
    );

  services = lib.genAttrs [ "api-gateway" "inventory-app" "billing-app" ] service;
in
{
  inherit
    common
    craneLib
    dependencies
    services
    source
    ;

  default = pkgs.symlinkJoin {
    name = "crud-master-${common.version}";
    paths = lib.attrValues services;
  };
}
