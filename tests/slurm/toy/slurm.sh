#!/bin/sh
# As much of Slurm as a sweep asks for, on one machine: linked to by the names of its commands. Jobs live in $TOY_SLURM,
# a directory each: name, pid of its process group, exit code once it has ended. A file "down" there is a dead
# controller, and a file "deaf" one that forgets the next cancellation.
down() { [ -e "$TOY_SLURM/down" ] && echo "$1: error: Unable to contact slurm controller (connect failure)" >&2; }

list() {  # name or ids, one a line: "id|STATE" of each
  for job in "$TOY_SLURM"/[0-9]*; do
    [ -e "$job/name" ] || continue
    id=${job##*/}
    case "$1" in
      --name) [ "$2" = "$(cat "$job/name")" ] || continue ;;
      -j) case ",$2," in *",$id,"*) ;; *) continue ;; esac ;;
    esac
    state=PENDING
    [ ! -e "$job/begun" ] || state=RUNNING
    [ ! -s "$job/rc" ] || { [ "$(cat "$job/rc")" = 0 ] && state=COMPLETED || state=FAILED; }
    [ ! -e "$job/cancelled" ] || state=CANCELLED
    echo "$id|$state"
  done
}

case "${0##*/}" in
  sinfo) down sinfo && exit 1; exit 0 ;;
  squeue)
    down squeue && exit 1
    while [ $# -gt 0 ]; do
      case "$1" in --name | -j) list "$1" "$2" ;; esac
      shift
    done ;;
  sacct) echo "Slurm accounting storage is disabled" >&2; exit 1 ;;
  scancel)
    down scancel && exit 1
    if [ -e "$TOY_SLURM/deaf" ]; then mv "$TOY_SLURM/deaf" "$TOY_SLURM/told"; exit 0; fi
    for id in "$@"; do
      [ -s "$TOY_SLURM/$id/rc" ] || { touch "$TOY_SLURM/$id/cancelled"; kill -TERM "-$(cat "$TOY_SLURM/$id/pid")"; }
    done ;;
  sbatch)
    script=$(cat)
    case " $* " in *" --test-only "*) exit 0 ;; esac
    down sbatch && exit 1
    id=1
    until mkdir "$TOY_SLURM/$id" 2>/dev/null; do id=$((id + 1)); done
    job="$TOY_SLURM/$id"
    printf '%s\n' "$script" > "$job/script"
    sed -n 's/^#SBATCH --job-name=\([^ ]*\).*/\1/p' "$job/script" > "$job/name"
    case "$*" in *--begin=now+*) delay=${*##*--begin=now+}; delay=${delay%% *} ;; *) delay=0 ;; esac
    setsid sh -c 'echo $$ > "$1/pid"; sleep "$2"; touch "$1/begun"; bash "$1/script"; echo $? > "$1/rc"' \
      sh "$job" "$delay" > "$job/log" 2>&1 < /dev/null &
    until [ -s "$job/pid" ]; do sleep 0.01; done
    echo "$id" ;;
  srun)
    while [ "${1#--}" != "$1" ]; do shift; done
    exec "$@" ;;
esac
