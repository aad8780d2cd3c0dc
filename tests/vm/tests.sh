#!/bin/sh
# Runs inside the VM, started by busybox init. Does things in order and says what happened, one JSON object a line, on
# the second serial line; vm_test.py judges. It asserts nothing itself.
export PATH=/usr/bin:/usr/sbin:/bin:/sbin
IP=/usr/sbin/ip TC=/usr/sbin/tc # busybox's shell prefers its own applets
CG=/sys/fs/cgroup
CLIENT="nsenter --net=/run/netns/client" SERVER="nsenter --net=/run/netns/server"

# NAME CODE FILE
say() {
  printf '{"step":"%s","exit":%d,"at":%s,"out":"%s"}\n' "$1" "$2" "$(cut -d' ' -f1 /proc/uptime)" \
    "$(base64 "$3" | tr -d '\n')" >/dev/results
}
# NAME COMMAND...: runs it and says how it went
step() {
  step_name=$1
  shift
  "$@" >/tmp/out 2>&1
  say "$step_name" $? /tmp/out
}
# SECONDS COMMAND...: until it succeeds
wait_for() {
  tries=$(($1 * 20))
  shift
  while ! "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 1
    usleep 50000
  done
}
# CGROUP COMMAND...: in the background, in a cgroup of its own
inside() {
  folder=$CG/$1
  shift
  mkdir -p "$folder"
  sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$folder" "$@" </dev/null >/dev/null 2>&1 &
}

# NAME TARGET ATTACK LENGTH: writes an experiment
experiment() {
  cat >"/tmp/$1.yaml" <<END
name: $1
target: $2
attack: $3
length: $4
baseline: 0s
recovery: 0s
END
}
# NAME [OPTION...]: starts it; ENGINE is its pid. Says when it is in force.
begin() {
  begun=$1
  shift
  # The shell in the background empties the file only once it runs: until then it holds the injection of the run before.
  rm -f /tmp/events
  ordeal run "/tmp/$begun.yaml" --json "$@" </dev/null >/tmp/events 2>/tmp/errors &
  ENGINE=$!
  wait_for 20 grep -q '"type":"inject"' /tmp/events
  say "$begun.began" $? /tmp/errors
}
# NAME: its end, with all its events and what it left
finish() {
  wait $ENGINE
  ended=$?
  cat /tmp/errors >>/tmp/events
  say "$1.events" $ended /tmp/events
  step "$1.clean" ordeal verify-clean
  step "$1.tables" $SERVER nft list tables
}
halt_now() {
  kill -INT $ENGINE
  finish "$1"
}
everything_ended() { ! pidof ordeal-guard && ! ls -d $CG/ordeal-reaper-*; }
# NAME: SIGKILL to engine and guard at once; the reaper is neither of the two
kill_both() {
  guard=$(cat /proc/$ENGINE/task/$ENGINE/children)
  kill -9 $ENGINE $guard
  usleep 200000
  step "$1.tables_200ms" $SERVER nft list tables
  wait_for 3 everything_ended
  say "$1.ended" $? /tmp/errors
  step "$1.left" sh -c "ps -o pid,ppid,comm,args | grep -e '[o]rdeal '; ls -d $CG/ordeal-* /var/lib/ordeal/journal/*; cat $CG/shop/cgroup.freeze"
  step "$1.clean" ordeal verify-clean
}

# NAME [SECONDS [PORT]]
probe() { step "$1" $CLIENT net_probe tcp 10.9.0.2 "${3:-7000}" 50 "${2:-3}"; }
# NAME: twice, since the machine around may be busy
bulk() { for round in 1 2; do step "$1$round" $CLIENT iperf3 -c 10.9.0.2 -t 3 -O 2 -J; done; }

listening() { $SERVER grep -qi ":$(printf %04x $1) 0*:0000" /proc/net/tcp /proc/net/tcp6; }

network() {
  for name in client server; do $IP netns add $name; done
  $IP link add c0 netns client type veth peer name s0 netns server
  $CLIENT $IP address add 10.9.0.1/24 dev c0
  $SERVER $IP address add 10.9.0.2/24 dev s0
  for device in lo c0; do $CLIENT $IP link set $device up; done
  for device in lo s0; do $SERVER $IP link set $device up; done
  inside shop $SERVER net_echo 10.9.0.2 7000
  inside shop $SERVER iperf3 -s
  mkfifo /tmp/rules.ask
  inside shop $SERVER sh -c 'while :; do
    read -r name </tmp/rules.ask
    nft list ruleset >/tmp/rules.part 2>&1
    mv /tmp/rules.part "/tmp/rules.$name"
  done'
  wait_for 5 listening 7000
  wait_for 5 listening 5201
}

# NAME: the rules, looked up by a process of the victim: a run ends when a stranger joins the namespace, and on a busy
# machine nft is there long enough to be seen.
rules() {
  echo "$1" >/tmp/rules.ask
  wait_for 10 test -e "/tmp/rules.$1"
  say "$1" $? "/tmp/rules.$1"
}

shop='{type: container, cgroup: /shop}'

latency() {
  probe bare.rtt
  bulk bare.bulk
  for delay in 10 100; do
    $CLIENT $TC qdisc add dev c0 root netem delay ${delay}ms limit 100000
    probe netem$delay.rtt
    bulk netem$delay.bulk
    $CLIENT $TC qdisc del dev c0 root
    experiment ours$delay "$shop" "{type: latency, args: {delay: ${delay}ms, protocol: tcp}}" 120s
    step ours$delay.plan ordeal plan /tmp/ours$delay.yaml
    begin ours$delay
    probe ours$delay.rtt
    rules ours$delay.rules
    step ours$delay.modules lsmod
    bulk ours$delay.bulk
    halt_now ours$delay
  done
  probe after.rtt 1
}

# Two cgroups in one network namespace, one of them chosen.
scope() {
  inside neighbour $SERVER net_echo 10.9.0.2 7001
  wait_for 5 listening 7001
  experiment scope "$shop" '{type: latency, args: {delay: 100ms, protocol: tcp}}' 60s
  step scope.plan ordeal plan /tmp/scope.yaml
  begin scope
  probe scope.rtt 2
  probe scope.neighbour_rtt 2 7001
  rules scope.rules
  halt_now scope
  echo 1 >$CG/neighbour/cgroup.kill
}

pause() {
  experiment pause "$shop" '{type: pause}' 3s
  begin pause
  step pause.frozen cat $CG/shop/cgroup.freeze $CG/shop/cgroup.events
  finish pause
  step pause.thawed cat $CG/shop/cgroup.freeze $CG/shop/cgroup.events
  probe pause.rtt 1
}

cpu() {
  mkdir -p $CG/quota
  echo "50000 100000" >$CG/quota/cpu.max
  inside quota sleep 1000
  experiment cpu '{type: container, cgroup: /quota}' '{type: cpu, args: {cores: 1, percent: 80}}' 6s
  begin cpu
  sleep 1
  step cpu.before sh -c "cut -d' ' -f1 /proc/uptime; cat $CG/quota/cpu.stat"
  sleep 4
  step cpu.later sh -c "cut -d' ' -f1 /proc/uptime; cat $CG/quota/cpu.stat"
  finish cpu
  step cpu.left cat $CG/quota/cgroup.procs
  cpu_of_a_pod
}
# Its sandbox was there first and has no quota.
cpu_of_a_pod() {
  mkdir -p $CG/pod
  echo +cpu >$CG/pod/cgroup.subtree_control
  mkfifo /tmp/never
  printf '#!/bin/sh\nread word </tmp/never\n' >/tmp/pause
  chmod +x /tmp/pause
  inside pod/sandbox /tmp/pause
  wait_for 5 grep -q . $CG/pod/sandbox/cgroup.procs
  inside pod/app sleep 1000
  wait_for 5 grep -q . $CG/pod/app/cgroup.procs
  echo "20000 100000" >$CG/pod/app/cpu.max
  echo '- {name: api, kind: pod, namespace: shop, cgroup: /pod}' >/tmp/pods.yaml
  experiment pod '{type: kubernetes, namespace: shop, name: [api]}' '{type: cpu, args: {cores: 1, percent: 80}}' 6s
  begin pod --inventory /tmp/pods.yaml
  sleep 1
  step pod.sandbox cat $CG/pod/sandbox/cpu.stat
  step pod.app cat $CG/pod/app/cpu.stat
  finish pod
}

# What is taken of a cgroup's memory and process ids, with a limit of its own and one above it that throttles.
loads() {
  echo '+memory +pids' >$CG/cgroup.subtree_control
  mkdir -p $CG/room
  echo '+memory +pids' >$CG/room/cgroup.subtree_control
  inside room/app sleep 1000
  wait_for 5 grep -q . $CG/room/app/cgroup.procs
  echo 134217728 >$CG/room/app/memory.max
  echo 120 >$CG/room/app/pids.max
  app='{type: container, cgroup: /room/app}'
  experiment memory "$app" '{type: memory, args: {percent: 75, strategy: total}}' 5s
  begin memory
  sleep 2
  step memory.held sh -c "cd $CG/room/app; cat memory.current; grep -w anon memory.stat; grep oom_kill memory.events"
  finish memory
  step memory.after cat $CG/room/app/memory.current
  echo 67108864 >$CG/room/memory.high
  experiment high "$app" '{type: memory, args: {mb: 100}}' 5s
  step memory.refused ordeal plan /tmp/high.yaml
  echo max >$CG/room/memory.high
  experiment pids "$app" '{type: process_exhaustion, args: {percent: 100, strategy: total}}' 4s
  begin pids
  sleep 1
  step pids.held cat $CG/room/app/pids.current
  step pids.fork sh -c "echo \$\$ >$CG/room/app/cgroup.procs; (sleep 0); echo forked"
  finish pids
  step pids.after cat $CG/room/app/pids.current
  experiment dead_memory "$app" '{type: memory, args: {mb: 64}}' 60s
  begin dead_memory
  sleep 2
  kill_both dead_memory
  step dead_memory.after cat $CG/room/app/memory.current
}

killing() {
  inside workers sh -c 'while :; do sleep 777; echo died >>/tmp/deaths; done'
  experiment kill '{type: container, cgroup: /workers}' \
    '{type: process_killer, args: {process: sleep, exact: true, interval: 1}}' 4s
  begin kill
  finish kill
  step kill.deaths cat /tmp/deaths
  step kill.workers cat $CG/workers/cgroup.procs
  experiment end '{type: container, cgroup: /workers}' '{type: shutdown, args: {delay: 0}}' 2s
  begin end
  finish end
  step end.workers cat $CG/workers/cgroup.procs
}

deaths() {
  experiment dead_latency "$shop" '{type: latency, args: {delay: 100ms, protocol: tcp}}' 120s
  begin dead_latency
  probe dead_latency.rtt 1
  kill_both dead_latency
  probe dead_latency.rtt_after 1
  experiment dead_pause "$shop" '{type: pause}' 120s
  begin dead_pause
  step dead_pause.frozen cat $CG/shop/cgroup.freeze $CG/shop/cgroup.events
  kill_both dead_pause
  step dead_pause.thawed cat $CG/shop/cgroup.freeze $CG/shop/cgroup.events
  probe dead_pause.rtt_after 1
}

# NAME CONFIRM DELAY
shutdown() { experiment "$1" '{type: host}' "{type: shutdown, args: {confirm_host: $2, delay: $3}}" 30s; }

host() {
  shutdown wrong another-host 1s
  step wrong.plan ordeal plan /tmp/wrong.yaml
  step wrong.run ordeal run /tmp/wrong.yaml --json
  shutdown unnamed null 1s
  step unnamed.run ordeal run /tmp/unnamed.yaml --json
  shutdown cancelled ordeal-vm 4s
  step cancelled.plan ordeal plan /tmp/cancelled.yaml
  begin cancelled
  step cancelled.halt ordeal halt --reason "not now" --json
  finish cancelled
  shutdown latched ordeal-vm 1s
  step latched.run ordeal run /tmp/latched.yaml --json
  step latched.resume ordeal resume
  sleep 5
  step cancelled.alive uname -r
  shutdown power ordeal-vm 2s
  begin power
  sleep 20
  finish power
}

step boot uname -r
network
for part in $(cat /parts); do
  $part
  step "$part.done" true
done
poweroff -f
