# What no unit of ours needs, taken away from all of them (systemd.exec(5)). A unit adds what only it can do without: not here is
# RemoveIPC, which would take the shared memory of PostgreSQL from under it when a unit of the same user ends.
{
  AmbientCapabilities = "";
  CapabilityBoundingSet = "";
  LockPersonality = true;
  NoNewPrivileges = true;
  PrivateDevices = true;
  PrivateMounts = true;
  PrivateTmp = true;
  ProtectClock = true;
  ProtectControlGroups = true;
  ProtectHome = true;
  ProtectHostname = true;
  ProtectKernelLogs = true;
  ProtectKernelModules = true;
  ProtectKernelTunables = true;
  ProtectProc = "invisible";
  ProtectSystem = "strict";
  RestrictNamespaces = true;
  RestrictRealtime = true;
  RestrictSUIDSGID = true;
  SystemCallArchitectures = "native";
  SystemCallErrorNumber = "EPERM";
  SystemCallFilter = [ "@system-service" ];
  UMask = "0077";
  # Not MemoryDenyWriteExecute: pm2 is JavaScript, and V8 compiles it as it runs.
}
