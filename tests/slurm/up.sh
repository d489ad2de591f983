#!/usr/bin/env bash
# A Slurm with accounting for tests/slurm on a Debian machine of its own, as root: no systemd, no cgroups, loopback only.
# Installs what is missing and starts what does not run. tests/slurm/down.sh stops it.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "run as root" >&2; exit 1; }
MARK="# Written by tests/slurm/up.sh."
if [ -e /etc/slurm/slurm.conf ] && ! grep -qxF "$MARK" /etc/slurm/slurm.conf; then
  echo "/etc/slurm/slurm.conf belongs to a Slurm that is not this one; nothing was changed" >&2; exit 1
fi
HOST=$(hostname -s)
NODES=2
PKGS="slurm-wlm munge slurmdbd mariadb-server"
CPUS=4  # of each node, whatever the machine has
MEM=4000
# --- packages ---------------------------------------------------------------------------------
# shellcheck disable=SC2086
if ! dpkg -s $PKGS >/dev/null 2>&1; then
  export DEBIAN_FRONTEND=noninteractive
  if [ ! -e /usr/sbin/policy-rc.d ]; then  # the packages must start no daemons themselves
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends $PKGS >/dev/null
fi
for h in "$HOST" $(seq -f n%g "$NODES"); do  # node names must resolve
  getent hosts "$h" >/dev/null || echo "127.0.0.1 $h" >> /etc/hosts
done
# alive PIDFILE NAME: is the recorded pid a live process of that name?
alive() { [ -s "$1" ] && [ "$(cat "/proc/$(cat "$1")/comm" 2>/dev/null)" = "$2" ]; }
waitfor() { for _ in $(seq 120); do "$@" >/dev/null 2>&1 && return 0; sleep 0.5; done; echo "timed out: $*" >&2; return 1; }
# --- munge ------------------------------------------------------------------------------------
[ -s /etc/munge/munge.key ] || { dd if=/dev/urandom bs=1 count=1024 of=/etc/munge/munge.key 2>/dev/null; }
chown munge:munge /etc/munge/munge.key; chmod 400 /etc/munge/munge.key
install -d -o munge -g munge -m 0755 /run/munge
alive /run/munge/munged.pid munged || runuser -u munge -- /usr/sbin/munged
waitfor sh -c 'munge -n | unmunge'
# --- mariadb (unix socket only) ---------------------------------------------------------------
install -d -o mysql -g mysql -m 0755 /run/mysqld /var/lib/mysql
[ -d /var/lib/mysql/mysql ] || mariadb-install-db --user=mysql --datadir=/var/lib/mysql >/dev/null
if ! alive /run/mysqld/mysqld.pid mariadbd; then
  setsid /usr/sbin/mariadbd --user=mysql --skip-networking --pid-file=/run/mysqld/mysqld.pid \
    --socket=/run/mysqld/mysqld.sock --innodb-buffer-pool-size=128M --innodb-lock-wait-timeout=900 \
    </dev/null >/var/log/mariadbd.log 2>&1 &
fi
waitfor mariadb-admin --socket=/run/mysqld/mysqld.sock ping
mariadb --socket=/run/mysqld/mysqld.sock -e "CREATE DATABASE IF NOT EXISTS slurm_acct_db;
  CREATE USER IF NOT EXISTS 'slurm'@'localhost' IDENTIFIED BY 'slurm';
  GRANT ALL ON slurm_acct_db.* TO 'slurm'@'localhost'; FLUSH PRIVILEGES;"
# --- slurm config -----------------------------------------------------------------------------
install -d -o slurm -g slurm -m 0755 /run/slurm /var/log/slurm /var/lib/slurm /var/lib/slurm/ctld
install -d -m 0755 /etc/slurm
cat >/etc/slurm/slurmdbd.conf <<X
AuthType=auth/munge
DbdHost=localhost
DbdPort=6819
CommunicationParameters=NoInAddrAny
SlurmUser=slurm
PidFile=/run/slurm/slurmdbd.pid
LogFile=/var/log/slurm/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
X
chown slurm:slurm /etc/slurm/slurmdbd.conf; chmod 600 /etc/slurm/slurmdbd.conf
cat >/etc/slurm/slurm.conf <<X
$MARK
ClusterName=one
SlurmctldHost=$HOST(127.0.0.1)
SlurmUser=slurm
AuthType=auth/munge
AuthInfo=cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
ReturnToService=2
SlurmdParameters=config_overrides
MpiDefault=none
SwitchType=switch/none
MinJobAge=300
KillWait=5
StateSaveLocation=/var/lib/slurm/ctld
SlurmdSpoolDir=/var/lib/slurm/d-%n
SlurmctldPidFile=/run/slurm/slurmctld.pid
SlurmdPidFile=/run/slurm/slurmd-%n.pid
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd-%n.log
NodeName=n[1-$NODES] NodeHostname=$HOST NodeAddr=127.0.0.1 Port=[17001-$((17000 + NODES))] CPUs=$CPUS RealMemory=$MEM State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
X
# --- daemons ----------------------------------------------------------------------------------
alive /run/slurm/slurmdbd.pid slurmdbd || /usr/sbin/slurmdbd
waitfor sacctmgr -n list cluster
sacctmgr -nP list cluster format=cluster | grep -qx one || sacctmgr -i add cluster one >/dev/null || true
alive /run/slurm/slurmctld.pid slurmctld || /usr/sbin/slurmctld
waitfor scontrol ping
for i in $(seq "$NODES"); do
  install -d -m 0755 "/var/lib/slurm/d-n$i"
  alive "/run/slurm/slurmd-n$i.pid" slurmd || /usr/sbin/slurmd -N "n$i"
done
ready() { [ "$(sinfo -h -N -o %T | grep -Ec '^(idle|mixed|allocated)$')" = "$NODES" ]; }
waitfor ready || { sinfo -N; sinfo -R; exit 1; }
sinfo -N -o '%N %T cpus=%c mem=%m'
