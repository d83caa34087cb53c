#!/bin/sh
# hold SECONDS COMMAND...: run a command; when a worker ended itself (70 stands for what it did not foresee, 71 for stuck,
# 72 for nothing assigned), wait before ending too. Docker starts it again within a second, and a worker that
# comes back before Kafka has forgotten the one before it is given what that one was given: nothing, perhaps.
seconds=$1
shift
ended=
child=
trap 'ended=yes; kill -TERM "$child" 2>/dev/null' TERM INT
"$@" &
child=$!
[ -z "$ended" ] || kill -TERM "$child" # a stop that came before there was a command to pass it on to
wait "$child"
code=$?
while kill -0 "$child" 2>/dev/null; do # a signal ends the wait, not the command
  wait "$child"
  code=$?
done
case $code in
  70 | 71 | 72)
    if [ -z "$ended" ]; then
      sleep "$seconds" &
      child=$!
      wait "$child"
    fi
    ;;
esac
exit "$code"
