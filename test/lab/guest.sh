#!/bin/bash
# Prepares a machine of its own for one lab run and runs one command in it: as first process of a
# User-Mode Linux guest (LAB_KIND=uml), or in fresh namespaces of this machine (LAB_KIND=host).
# LAB_JOB is a folder: `command` is run, `result` gets its exit status, as last thing.
# The root file system is the machine's own in both cases; /run, /tmp and the network are private.
set -u
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LANG=C.UTF-8 TERM=${TERM:-dumb}

if [ "$LAB_KIND" = uml ]; then
  mount -t proc proc /proc
  mount -t sysfs sysfs /sys
  # The second console is the command's: the first one has the kernel's own messages.
  stty raw -echo </dev/tty1
  exec </dev/null >/dev/tty1 2>&1
  ln -sf /proc/self/fd /dev/fd
  ln -sf /proc/self/fd/0 /dev/stdin
  ln -sf /proc/self/fd/1 /dev/stdout
  ln -sf /proc/self/fd/2 /dev/stderr
  mkdir -p /dev/pts /dev/shm
  mount -t devpts devpts /dev/pts
  mount -t tmpfs tmpfs /dev/shm
  # What is logged through hostfs must be seen outside soon, also when the guest dies.
  echo 50 >/proc/sys/vm/dirty_writeback_centisecs
  echo 100 >/proc/sys/vm/dirty_expire_centisecs
else
  exec </dev/null >&3 2>&1 3>&-
fi

mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/netns /run/lab /run/tmp
# A repository below /tmp must stay visible.
case "$LAB_REPOSITORY/" in
  /tmp/*) export TMPDIR=/run/tmp ;;
  *) mount -t tmpfs tmpfs /tmp ;;
esac
ip link set lo up

if [ "$LAB_KIND" = uml ]; then
  # The kernel asks for modules (schedulers, for one) by this program; the guest's lie beside the machine's own.
  printf '#!/bin/sh\nexec /sbin/modprobe -d "%s/modules" "$@"\n' "$LAB_JOB" >/run/lab/modprobe
  chmod +x /run/lab/modprobe
  echo /run/lab/modprobe >/proc/sys/kernel/modprobe
  export PATH=/run/lab:$PATH
  for module in ip_vs ip_vs_rr ip_vs_wrr ip_vs_wlc veth bridge sch_netem; do
    /run/lab/modprobe "$module" || echo "lab: the guest has no module $module"
  done
fi

cd "$LAB_REPOSITORY" || exit 1
export TROOP_LAB=$LAB_KIND
bash "$LAB_JOB/command"
status=$?

if [ "$LAB_KIND" = uml ]; then
  sync
  echo "$status" >"$LAB_JOB/result"
  sync
  echo o >/proc/sysrq-trigger
  sleep 60
fi
echo "$status" >"$LAB_JOB/result"
exit "$status"
