# webdriver.pm - drives Debian's Chromium through chromedriver, over plain HTTP (W3C WebDriver).
package webdriver;
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use POSIX ();

# Characters that JSON strings must not have as they are.
sub quote {
    my ($s) = @_;
    $s =~ s/(["\\\x00-\x1f])/sprintf('\\u%04x', ord $1)/ge;
    return qq("$s");
}

# Starts chromedriver and a browser with an empty profile in `dir`; dies with the reason.
sub new {
    my ($class, %o) = @_;
    my $probe = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die "no port: $!";
    my $self = bless {port => $probe->sockport, base => ''}, $class;
    close $probe;
    $self->{pid} = fork // die;
    if (!$self->{pid}) {
        open STDOUT, '>', "$o{dir}/chromedriver.log" or die;
        open STDERR, '>&', \*STDOUT;
        no warnings 'exec';
        exec 'chromedriver', "--port=$self->{port}";
        POSIX::_exit(127);
    }
    my $ready = 0;
    for (1 .. 600) {
        last if $ready = eval { $self->call('GET', '/status') =~ /"ready":true/ };
        select undef, undef, undef, 0.05;
    }
    die "chromedriver does not start\n" if !$ready;
    my @flags = (qw(--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run
        --disable-background-networking --disable-component-update --disable-sync
        --disable-dev-shm-usage --hide-scrollbars --force-device-scale-factor=1), "--user-data-dir=$o{dir}/profile",
        @{$o{flags} || []});
    my $flags = join ',', map { quote($_) } @flags;
    my $answer = $self->call('POST', '/session', qq({"capabilities":{"alwaysMatch":{"browserName":"chrome",)
        . qq("goog:loggingPrefs":{"browser":"ALL"},"goog:chromeOptions":{"args":[$flags]}}}}));
    my ($id) = $answer =~ /"sessionId":"([^"]+)"/;
    die "no browser: $answer\n" if !$id;
    $self->{base} = "/session/$id";
    return $self;
}

# One command; the body of its answer.
sub call {
    my ($self, $method, $path, $json) = @_;
    my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}) or die "connect: $!";
    $json = $method eq 'POST' ? $json // '{}' : '';
    print {$c} "$method $self->{base}$path HTTP/1.1\r\nHost: localhost:$self->{port}\r\n"
        . "Connection: close\r\nContent-Type: application/json\r\nContent-Length: " . length($json) . "\r\n\r\n$json";
    my ($head, $body) = answer($c);
    return $body if $head =~ m{^HTTP/1\.1 2\d\d };
    die "$method $path: " . substr($body // '', 0, 500) . "\n" if $self->{base};
    return $body // '';
}

# Head and body of an answer; chromedriver leaves the connection open behind it.
sub answer {
    my ($c) = @_;
    my ($all, $more) = ('', '');
    while (IO::Select->new($c)->can_read(60) && sysread $c, $more, 1 << 16) {
        $all .= $more;
        my ($head, $body) = split /\r\n\r\n/, $all, 2;
        next if !defined $body;
        return ($head, $body) if $head =~ /^Content-Length:\s*(\d+)/mi && length $body >= $1;
    }
    my ($head, $body) = split /\r\n\r\n/, $all, 2;
    return ($head // '', $body // '');
}

sub open { my ($self, $url) = @_; $self->call('POST', '/url', '{"url":' . quote($url) . '}') }

sub size {
    my ($self, $w, $h) = @_;
    $self->call('POST', '/goog/cdp/execute', qq({"cmd":"Emulation.setDeviceMetricsOverride","params":)
        . qq({"width":$w,"height":$h,"deviceScaleFactor":1,"mobile":false}}));
}

# Light or dark, as the system of a person would say.
sub scheme {
    my ($self, $name) = @_;
    $self->call('POST', '/goog/cdp/execute', qq({"cmd":"Emulation.setEmulatedMedia","params":)
        . qq({"features":[{"name":"prefers-color-scheme","value":"$name"}]}}));
}

# The value of an expression, as text.
sub eval_js {
    my ($self, $js) = @_;
    my $answer = $self->call('POST', '/execute/sync', '{"script":' . quote("return String($js)") . ',"args":[]}');
    $answer =~ /"value":"((?:[^"\\]|\\.)*)"/ or return undef;
    my $s = $1;
    my %c = (n => "\n", t => "\t", r => "\r");
    $s =~ s{\\(?:u([0-9a-fA-F]{4})|(.))}{defined $1 ? chr hex $1 : $c{$2} // $2}ge;
    return $s;
}

# Runs a script.
sub run { my ($self, $js) = @_; $self->call('POST', '/execute/sync', '{"script":' . quote($js) . ',"args":[]}') }

sub find {
    my ($self, $css) = @_;
    my $answer = $self->call('POST', '/element', '{"using":"css selector","value":' . quote($css) . '}');
    return $answer =~ /"element-[^"]+":"([^"]+)"/ ? $1 : undef;
}

sub click { my ($self, $css) = @_; $self->call('POST', '/element/' . $self->find($css) . '/click') }

# Keys by their names are \x{e007} and the like; see the standard's table.
sub keys {
    my ($self, $css, $text) = @_;
    my $q = quote($text);
    $q =~ s/([^\x00-\x7f])/sprintf('\\u%04x', ord $1)/ge;
    $self->call('POST', '/element/' . $self->find($css) . '/value', qq({"text":$q}));
}

# Errors the page wrote to its console since the last call.
sub console {
    my ($self) = @_;
    my $answer = $self->call('POST', '/se/log', '{"type":"browser"}');
    return grep { /"level":"(SEVERE|WARNING)"/ } $answer =~ /(\{[^{}]*"level"[^{}]*\})/g;
}

# Writes a PNG of what is seen.
sub shot {
    my ($self, $path) = @_;
    my ($data) = $self->call('GET', '/screenshot') =~ /"value":"([^"]+)"/;
    $data =~ tr{A-Za-z0-9+/}{}cd;
    $data =~ tr{A-Za-z0-9+/}{ -_};
    my $png = join '', map { unpack 'u', chr(32 + length($_) * 3 / 4) . $_ } $data =~ /(.{1,60})/gs;
    CORE::open my $f, '>', $path or return;
    binmode $f;
    print $f $png;
    close $f;
}

sub quit {
    my ($self) = @_;
    return if !$self->{pid};
    eval { $self->call('DELETE', '') } if $self->{base};
    kill 'TERM', $self->{pid};
    waitpid $self->{pid}, 0;
    $self->{pid} = 0;
}

1;
