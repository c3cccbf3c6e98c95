# slowlink.pm - a slow line between browser and server: streams pass at about 60 events a second,
# so that a tiny model's answer can be watched, and stopped, while it comes.
package slowlink;
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use POSIX ();

# Passes bytes both ways until one side ends.
sub relay {
    my ($client, $port) = @_;
    my $server = IO::Socket::INET->new(Proto => 'tcp') or return;
    setsockopt $server, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), 4096; # the server feels the line
    $server->connect(Socket::pack_sockaddr_in($port, Socket::inet_aton('127.0.0.1'))) or return;
    my ($bytes, $slow) = ('', 0);
    my $both = IO::Select->new($client, $server);
    for (;;) {
        for my $from ($both->can_read) {
            my $answer = $from == $server;
            return if !sysread $from, $bytes, $answer && $slow ? 300 : 65536;
            $slow ||= $answer && $bytes =~ m{^Content-Type: text/event-stream}m;
            syswrite $answer ? $client : $server, $bytes or return;
            select undef, undef, undef, 0.016 if $answer && $slow;
        }
    }
}

# Starts a line to the server on `port`; its own port and its process group.
sub start {
    my ($port) = @_;
    my $l = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1') or die "listen: $!";
    my $pid = fork // die;
    return ($l->sockport, $pid) if $pid;
    setpgrp 0, 0;
    $SIG{CHLD} = 'IGNORE';
    $SIG{PIPE} = 'IGNORE';
    while (my $c = $l->accept) {
        if (!(fork // 0)) {
            close $l;
            relay($c, $port);
            POSIX::_exit(0);
        }
        close $c;
    }
    POSIX::_exit(0);
}

1;
