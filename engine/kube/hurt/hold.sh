# Arguments: the handle, seconds to last, seconds without a beat, the kind, and how much. It ends what it began, and nothing else, at the
# end of its time, when nobody beats any more, on stop, and when whoever speaks to us goes. Each worker ends too when this shell is killed.
me=$$ reader= pids=
finish() {
  trap '' TERM INT HUP
  kill -9 $reader $pids 2>/dev/null
  wait
  echo "ended $1"
  exit 0
}
trap 'finish signal' TERM INT HUP
burn() {
  while kill -0 $me; do
    n=0
    while [ $n -lt 20000 ]; do n=$((n + 1)); done
  done
}
case $3 in
cpu)
  i=0
  while [ $i -lt $4 ]; do
    burn >/dev/null 2>&1 &
    pids="$pids $!"
    i=$((i + 1))
  done
  ;;
memory | upto)
  # upto is less what the processes of the container hold already: what is each one's own, and once what they may share. It is the least
  # of three looks, as a probe or another exec comes and goes.
  used=0
  if [ $3 = upto ]; then
    used=$4
    for look in 1 2 3; do
      seen=0 shared=0
      for p in /proc/[0-9]*/status; do
        while read -r key kib _; do
          case $key in
          RssAnon:) seen=$((seen + kib * 1024)) ;;
          RssShmem:) [ $((kib * 1024)) -gt $shared ] && shared=$((kib * 1024)) ;;
          esac
        done 2>/dev/null <"$p"
      done
      seen=$((seen + shared))
      [ $seen -lt $used ] && used=$seen
      [ $look -lt 3 ] && sleep 1
    done
    [ $used -ge $4 ] && finish full
  fi
  # dd fills a buffer of its block size and holds it for as long as nobody reads what it writes.
  rest=$(($4 - used))
  while [ $rest -gt 0 ]; do
    size=$rest
    [ $size -gt 67108864 ] && size=67108864
    dd if=/dev/zero bs=$size count=1 2>/dev/null | sleep $1 &
    pids="$pids $!"
    rest=$((rest - size))
  done
  ;;
esac
now=$(date +%s)
end=$((now + $1)) heard=$now
echo begun
while read -r line; do
  case $line in
  reader*) reader=${line#reader } ;;
  beat) heard=$(date +%s) ;;
  stop) finish stop ;;
  tick)
    now=$(date +%s)
    [ $now -ge $end ] && finish time
    [ $((now - heard)) -ge $2 ] && finish silence
    ;;
  esac
done
finish pipe
