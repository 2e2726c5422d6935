#!/usr/bin/perl
# Stands in for systemctl: really starts the ExecStart of the unit under $FAKE_ROOT, with a notify socket, and waits for READY.
use strict;
use warnings;
use IO::Select;
use IO::Socket::UNIX;
use POSIX qw(:sys_wait_h setsid);
use Socket;

my $root = $ENV{FAKE_ROOT} or die 'FAKE_ROOT is not set';
my $state = "$root/.systemctl";
mkdir $state;
my @words = grep { !/^--(quiet|now)$/ } @ARGV;
my $now = grep { $_ eq '--now' } @ARGV;
my ($command) = @words;
if ($command eq '--version') { print "systemd 252 (252.1)\n"; exit 0 }
open(my $calls, '>>', "$state/calls") or die;
print $calls "@words\n";
close $calls;

# A process that ended, but that nobody waited for, still has its process id.
sub lives {
  open(my $status, '<', "/proc/$_[0]/status") or return 0;
  return !grep { /^State:\s+Z/ } <$status>;
}
sub pid { open(my $file, '<', "$state/pid") or return; my $pid = <$file>; return $pid && lives($pid) ? $pid : undef }
sub stop {
  my $pid = pid() or return;
  kill('TERM', $pid);
  for (1 .. 100) { last unless lives($pid); select(undef, undef, undef, 0.05) }
  kill('KILL', $pid);
  unlink("$state/pid");
}

if ($command eq 'daemon-reload') { exit(-e "$root/refuse-reload" ? 1 : 0) }
if ($command eq 'enable') { open(my $f, '>', "$state/enabled"); exit 0 }
if ($command eq 'disable') { unlink("$state/enabled"); stop() if $now; exit 0 }
if ($command eq 'stop') { stop(); exit 0 }
if ($command eq 'is-active') { exit(pid() ? 0 : 3) }
die "unknown command $command" unless $command eq 'restart';

stop();
open(my $unit, '<', "$root/etc/systemd/system/lintel.service") or die 'no unit';
my ($exec, @environment);
while (<$unit>) {
  $exec = $1 if /^ExecStart=(.*)/;
  push @environment, $1 if /^Environment=(.*)/;
}
s{/(opt|etc)/lintel}{$root/$1/lintel}g for $exec;
my $path = "$state/notify";
unlink $path;
my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path) or die "bind: $!";
my $pid = fork();
if (!$pid) {
  setsid();
  open(STDOUT, '>', "$state/output");
  open(STDERR, '>&', \*STDOUT);
  exec('env', @environment, "NOTIFY_SOCKET=$path", split(' ', $exec)) or die;
}
open(my $file, '>', "$state/pid") or die;
print $file $pid;
close $file;
my $select = IO::Select->new($socket);
while (1) {
  if (waitpid($pid, WNOHANG) != 0) { unlink("$state/pid"); exit 1 }
  next unless $select->can_read(0.05);
  $socket->recv(my $message, 4096);
  exit 0 if $message =~ /^READY=1$/m;
}
