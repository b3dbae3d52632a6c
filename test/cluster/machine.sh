# Sets up the inside of a node. It runs in the node's own mount, network and PID namespaces:
# machine <state folder> <programs folder> <node's address> <host's address>
dir=$1 bin=$2 node=$3 host=$4

mount -n --make-rprivate /
mount -n -t proc proc /proc

# The two folders get short paths under the new /run, wherever they are: a socket's path may have
# 107 bytes only, and what is under /var/lib is about to be hidden.
mount -n -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/autopilot /mnt/programs
mount -n --bind "$dir" /mnt/autopilot
mount -n --bind "$bin" /mnt/programs
resolv=$(readlink -m /etc/resolv.conf)
mount -n --move /mnt /run
mount -n -t tmpfs -o mode=755 tmpfs /var/lib
mount -n -t tmpfs -o mode=755 tmpfs /var/log

# Where systemd-resolved keeps the file, it has just been hidden.
case $resolv in
/run/*) mkdir -p "$(dirname "$resolv")" && cp /run/autopilot/conf/resolv.conf "$resolv" ;;
*) [ ! -e "$resolv" ] || mount -n --bind /run/autopilot/conf/resolv.conf "$resolv" ;;
esac

# Volumes that a container mounts must be seen by the others.
mount -n --make-rshared /

ip -batch - <<BATCH
link set lo up
addr add $node/24 dev eth0
link set eth0 up
route add default via $host
BATCH
echo 1 >/proc/sys/net/ipv4/ip_forward
