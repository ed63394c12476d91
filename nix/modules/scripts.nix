# What the machines take over from scripts/, with their places below the root: one way to read secrets, to make a role, and to
# give RabbitMQ its users, permissions and policies, which the code has generated.
{ lib }:
lib.fileset.toSource {
  root = ../../.;
  fileset = lib.fileset.unions [
    ../../crates/messages/topology.json
    ../../scripts/lib/common.sh
    ../../scripts/lib/env.sh
    ../../scripts/lib/definitions.sh
    ../../scripts/sql/provision.sql
  ];
}
