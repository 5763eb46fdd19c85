# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The cache outside the source tree. Whatever is put there is made in a work directory beside its
# final place and renamed when it is whole: an interrupted run leaves nothing half done.

# shellcheck disable=SC2034  # read by who sources this
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/sluice

die() {
	echo "kernel: $*" >&2
	exit 1
}

say() {
	echo "kernel: $*" >&2
}

lock_cache() {
	mkdir -p "$CACHE"
	exec {CACHE_LOCK}<"$CACHE"
	flock "$CACHE_LOCK"
}

unlock_cache() {
	exec {CACHE_LOCK}<&-
}

# A run that was killed leaves its directory behind, without the lock that a living one holds. With
# the cache locked, no directory is seen between its making and its locking.
remove_abandoned() {
	local dir lock
	lock_cache
	for dir in "$CACHE"/unpack.*/; do
		# another user's is not ours to remove
		[ -O "$dir" ] || continue
		exec {lock}<"$dir"
		! flock -n "$lock" || rm -rf "$dir"
		exec {lock}<&-
	done
	unlock_cache
}

make_work_dir() {
	lock_cache
	WORK=$(mktemp -d "$CACHE/unpack.XXXXXX")
	trap 'rm -rf "$WORK"' EXIT
	# locked until this process and what it has started end
	exec {WORK_LOCK}<"$WORK"
	flock "$WORK_LOCK"
	unlock_cache
}

# The work directory, or what is below it, gets its final name.
publish() {
	touch "$1/complete"
	chmod 755 "$1"
	rm -rf "$2"
	mv "$1" "$2"
}

# One run makes NAME, the others wait for it to end and find it made. The lock goes with the process.
lock_name() {
	mkdir -p "$CACHE"
	exec {NAME_LOCK}>"$CACHE/$1.lock"
	flock -n "$NAME_LOCK" && return
	say "waiting for another run that is making $1"
	flock "$NAME_LOCK"
}
