#!/usr/bin/env bash
# Stop only the daemons tests/slurm/up.sh started, by their recorded pids.
for f in /run/slurm/slurmd*.pid /run/slurm/slurmctld.pid /run/slurm/slurmdbd.pid /run/mysqld/mysqld.pid /run/munge/munged.pid; do
  [ -s "$f" ] || continue; p=$(cat "$f"); kill "$p" 2>/dev/null || continue
  for _ in $(seq 60); do kill -0 "$p" 2>/dev/null || break; sleep 0.5; done
done
