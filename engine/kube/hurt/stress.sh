# Arguments: what holds the fault, and that one's own, of which the handle is the first. Two inputs become one: what is said to us, and a tick each second, as not
# every shell can read with a time limit. Everything carries the handle in its environment, by which it is found again.
export AUTOPILOT_CHAOS="$1"
exec 3<&0
{
  { while read -r line; do echo "$line"; done; echo stop; } <&3 &
  echo "reader $!"
  exec 3<&-
  while echo tick; do sleep 1; done
} 2>/dev/null | {
  exec 3<&-
  exec sh -c "$0" "$@"
}
