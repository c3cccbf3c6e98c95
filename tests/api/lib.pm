# lib.pm - what the API tests share: a server over a tiny model, HTTP over bare sockets, TAP.
#
# Only modules of perl-base, so that a bare machine can run it.  Waits poll with deadlines far above
# what is needed; nothing here depends on how fast the machine is.
package lib;
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Exporter 'import';
our @EXPORT = qw(ok is like unlike done note model start stop signal_server wait_end request raw
    connect_to send_all read_some read_until read_all parse chat completion field unescape metric
    until_true events texts nap port tmp stoke);

$| = 1;
my ($n, $bad, @servers, $tmp) = (0, 0);
$SIG{PIPE} = 'IGNORE';

# ---- TAP ----

sub ok {
    my ($yes, $name) = @_;
    $n++;
    $bad++ unless $yes;
    print(($yes ? "ok" : "not ok"), " $n - $name\n");
    return $yes;
}

sub show { my $s = shift // 'undef'; $s =~ s/([^\x20-\x7e])/sprintf('\\x%02x', ord $1)/ge; return substr($s, 0, 600) }

sub is {
    my ($got, $want, $name) = @_;
    my $same = defined $got && defined $want ? $got eq $want : !defined $got && !defined $want;
    ok($same, $name) or print "# got  ", show($got), "\n# want ", show($want), "\n";
    return $same;
}

sub like {
    my ($got, $re, $name) = @_;
    ok(scalar(defined $got && $got =~ $re), $name) or print "# got ", show($got), "\n# want $re\n";
}

sub unlike {
    my ($got, $re, $name) = @_;
    ok(scalar(defined $got && $got !~ $re), $name) or print "# got ", show($got), "\n# not $re\n";
}

sub note { print "# @_\n" }

sub done {
    stop($_) for @servers;
    print "1..$n\n";
    exit($bad ? 1 : 0);
}

sub nap { select undef, undef, undef, shift }

# True as soon as the code says so; gives up after 60 seconds.
sub until_true {
    my ($code) = @_;
    for (1 .. 3000) {
        return 1 if $code->();
        nap(0.02);
    }
    return 0;
}

# ---- the server ----

sub stoke { return $ENV{STOKE} || 'build/stoke' }

sub tmp {
    return $tmp if $tmp;
    $tmp = ($ENV{TMPDIR} || '/tmp') . "/stoke-api-$$";
    mkdir $tmp or die "$tmp: $!";
    return $tmp;
}

END {
    my $code = $?;
    kill 'KILL', $_->{pid} for grep { $_->{pid} } @servers;
    system('rm', '-rf', $tmp) if $tmp && $tmp =~ m{/stoke-api-\d+$};
    $? = $code;
}

# A model a few steps old: its answers are nonsense, but long ones under temperature 0.  The first
# call may give another shape, where a test needs answers that take their time, and another --vocab.
my $model;
sub model {
    return $model if $model;
    my @shape = @_ ? @_ : qw(--steps 4 --dim 64 --layers 2 --heads 2 --kv-heads 1 --ffn 128);
    my $dir = tmp();
    my @words = qw(the stoker feeds the fire and the ship goes on over a calm sea under grey sky);
    open my $f, '>', "$dir/text" or die;
    my $x = 1;
    for (1 .. 1500) {
        $x = ($x * 1103515245 + 12345) & 0x7fffffff;
        print $f join(' ', map { $words[($x >> $_) % @words] } 1 .. 12), ".\n";
    }
    close $f;
    # The plain build makes the same bytes as an instrumented one, a hundred times sooner.
    my $maker = -x 'build/stoke' ? 'build/stoke' : stoke();
    system($maker, 'train', '--data', "$dir/text", '--valid', "$dir/text", '--out', "$dir/out",
        qw(--vocab 290), @shape, qw(--context 4096 --batch 4096 --quiet)) == 0
        or die "cannot train the model of the tests";
    return $model = "$dir/out/model.gguf";
}

# Starts a server with more flags, with the model of the tests unless -m names others; returns
# {pid, port, out}.
sub start {
    my @flags = @_;
    my @m = (grep { $_ eq '-m' } @flags) ? () : ('-m', model());
    pipe my $r, my $w or die;
    my $err = tmp() . '/err.' . scalar @servers;
    my $pid = fork // die;
    if (!$pid) {
        open STDOUT, '>&', $w or die;
        open STDERR, '>', $err or die;
        close $r;
        no warnings 'exec';
        exec stoke(), 'serve', @m, '--port', 0, '--threads', 2, @flags;
        POSIX::_exit(127);
    }
    close $w;
    my $line = <$r> // '';
    my $s = {pid => $pid, out => $r, err => $err, line => $line};
    ($s->{port}) = $line =~ m{^listening on https?://127\.0\.0\.1:(\d+)$};
    push @servers, $s;
    if (!$s->{port}) {
        open my $f, '<', $err;
        note("the server said: $line", <$f>);
        waitpid $pid, 0;
        $s->{pid} = 0;
    }
    return $s;
}

sub port { return $_[0]{port} }

sub signal_server { my ($s, $sig) = @_; kill $sig, $s->{pid} }

# Waits for the server's end; its exit code, -1 if it was killed or never ends.
sub wait_end {
    my ($s) = @_;
    my $code = -1;
    until_true(sub {
        return 1 if !$s->{pid};
        return 0 if waitpid($s->{pid}, POSIX::WNOHANG()) != $s->{pid};
        $code = $? & 127 ? -1 : $? >> 8;
        $s->{pid} = 0;
        return 1;
    });
    open my $f, '<', $s->{err};
    my $text = join '', <$f>;
    print map { "# $_\n" } split /\n/, $text if $text =~ /Sanitizer|Assertion|runtime error/;
    return $text =~ /Sanitizer|Assertion|runtime error/ ? -2 : $code;
}

# Ends a server and checks that it ended in order.
sub stop {
    my ($s) = @_;
    return if !$s->{pid};
    signal_server($s, 'TERM');
    is(wait_end($s), 0, "the server on port $s->{port} ends in order");
}

# ---- sockets ----

sub connect_to {
    my ($s, %more) = @_;
    my $c = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $!";
    setsockopt($c, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), $more{rcvbuf}) if $more{rcvbuf};
    $c->connect(Socket::pack_sockaddr_in($s->{port}, Socket::inet_aton('127.0.0.1'))) or return;
    $c->autoflush(1);
    return $c;
}

sub send_all { my ($c, $bytes) = @_; return print {$c} $bytes }

# What comes within 60 seconds; undef at the end.
sub read_some {
    my ($c) = @_;
    my $bytes;
    return undef if !IO::Select->new($c)->can_read(60);
    return sysread($c, $bytes, 65536) ? $bytes : undef;
}

sub read_until {
    my ($c, $re) = @_;
    my $all = '';
    while ($all !~ $re) {
        my $b = read_some($c);
        last if !defined $b;
        $all .= $b;
    }
    return $all;
}

sub read_all { my ($c) = @_; return read_until($c, qr/(?!)/) }

# Sends bytes on a new connection and gives all that comes back; with half, closes our side first.
sub raw {
    my ($s, $bytes, %more) = @_;
    my $c = connect_to($s) or return '';
    send_all($c, $bytes);
    shutdown $c, 1 if $more{half};
    return read_all($c);
}

# An answer taken apart: {status, head, body, more}; chunks are put together.
sub parse {
    my ($text) = @_;
    my ($head, $rest) = split /\r\n\r\n/, $text // '', 2;
    my %r = (head => ($head // '') . "\r\n", body => $rest // '', more => '');
    ($r{status}) = $r{head} =~ m{^HTTP/1\.1 (\d{3}) };
    $r{status} //= 0;
    if ($r{head} =~ /^Transfer-Encoding: chunked\r$/mi) {
        my $body = '';
        $r{complete} = 0;
        while ($rest =~ s/^([0-9a-f]+)\r\n//) {
            my $size = hex $1;
            $r{complete} = 1 if !$size;
            last if !$size || length $rest < $size + 2;
            $body .= substr $rest, 0, $size + 2, '';
            substr($body, -2) = '';
        }
        $r{body} = $body;
    } elsif ($r{head} =~ /^Content-Length: (\d+)\r$/mi) {
        $r{more} = substr($r{body}, $1) if length $r{body} > $1;
        $r{body} = substr $r{body}, 0, $1;
    }
    return \%r;
}

# One request on a connection of its own.
sub request {
    my ($s, $method, $path, $body, @headers) = @_;
    $body //= '';
    my $head = join '', map { "$_\r\n" } "$method $path HTTP/1.1", 'Host: localhost',
        'Connection: close', @headers;
    $head .= 'Content-Length: ' . length($body) . "\r\n" if length $body;
    return parse(raw($s, "$head\r\n$body"));
}

sub chat {
    my ($s, $more, $text) = @_;
    $text //= 'hello';
    return request($s, 'POST', '/v1/chat/completions',
        qq({"messages":[{"role":"user","content":"$text"}]$more}));
}

sub completion {
    my ($s, $more, $prompt) = @_;
    $prompt //= '"the stoker"';
    return request($s, 'POST', '/v1/completions', qq({"prompt":$prompt$more}));
}

# ---- a little JSON: the first member of a name, which the answers' fixed order makes enough ----

sub unescape {
    my ($s) = @_;
    my %c = (n => "\n", t => "\t", r => "\r", b => "\b", f => "\f");
    $s =~ s{\\(?:u([0-9a-f]{4})|(.))}{defined $1 ? chr hex $1 : $c{$2} // $2}gie;
    return $s;
}

sub field {
    my ($json, $name) = @_;
    return unescape($1) if $json =~ /"\Q$name\E":\s*"((?:[^"\\]|\\.)*)"/;
    return $1 if $json =~ /"\Q$name\E":\s*(null|true|false|[-0-9.e+]+)/;
    return undef;
}

# Data of the events of a stream.
sub events { return map { /^data: (.*)$/ ? $1 : () } split /\n\n/, $_[0] }

# The text of a stream, put together.
sub texts {
    my ($body) = @_;
    return join '', map { field($_, 'content') // field($_, 'text') // '' } events($body);
}

sub metric {
    my ($s, $name) = @_;
    my $r = request($s, 'GET', '/metrics');
    return $r->{body} =~ /^\Q$name\E (\S+)$/m ? $1 : undef;
}

1;
