#!/bin/sh
# A hook that tells people by e-mail what changes on a node. Copy it, make it executable, and name it in troop.yaml:
#
#   hooks:
#     - name: mail
#       events: [vip, node, service]
#       command: [/etc/troop/hook-mail.sh, ops@example.org]
#
# It needs a sendmail that speaks SMTP itself, such as the one of msmtp-mta or dma: the unit troop.service lets nothing
# the agent starts gain privileges or write to a mail queue. Every node tells what it saw itself.
set -eu
to=${1:?usage: hook-mail.sh ADDRESS}

# What servers said of themselves may be in the text: nothing but plain characters gets into a header.
subject=$(printf '%s' "$TROOP_TEXT" | LC_ALL=C tr -cd '[:print:]' | cut -c 1-100)

{
  printf 'To: %s\n' "$to"
  printf 'Subject: [troop %s] %s\n' "$TROOP_CLUSTER" "$subject"
  printf 'Auto-Submitted: auto-generated\n'
  printf 'Content-Type: text/plain; charset=utf-8\n\n'
  printf '%s\n\n' "$TROOP_TEXT"
  printf 'told by %s at %s, event %s (%s)\n' "$TROOP_SELF" "$TROOP_TIME" "$TROOP_ID" "$TROOP_EVENT"
  if [ "$TROOP_DROPPED" -gt 0 ]; then
    printf '%s events before it came too fast to be told; see troop events\n' "$TROOP_DROPPED"
  fi
} | "${SENDMAIL:-/usr/sbin/sendmail}" -i -- "$to"
