# browser.pm - what the browser tests share: a server behind a line, a browser before it, and short
# words for looking at the page.
package browser;
use strict;
use warnings;
use Exporter 'import';
require "$FindBin::Bin/webdriver.pm";
require "$FindBin::Bin/slowlink.pm";
our @EXPORT = qw(begin js text_of count_of wait_js idle fits open_page later seed settings shot desk phone complaints
    $b $s $url $line_pid %KEY);
our ($b, $s, $url, $line_pid);
our %KEY = (enter => "\x{e007}", shift => "\x{e008}", ctrl => "\x{e009}", esc => "\x{e00c}", up => "\x{e013}", none => "\x{e000}");

# Without Chromium the test is skipped.
for my $program (qw(chromedriver chromium)) {
    next if grep { -x "$_/$program" } split /:/, $ENV{PATH};
    print "1..1\nok 1 # skip $program is not installed (Debian: chromium chromium-driver)\n";
    exit 0;
}

# Starts all; `slow` puts a slow line between, so that answers can be watched.
sub begin {
    my (%o) = @_;
    $s = lib::start('--parallel', 2, '--name', 'deckhand', @{$o{flags} || []});
    lib::ok($s->{port}, 'the server is up') or lib::done();
    my $dir = lib::tmp() . '/browser';
    mkdir $dir;
    $b = webdriver->new(dir => $dir);
    my $port = $s->{port};
    ($port, $line_pid) = slowlink::start($port) if $o{slow};
    $url = "http://127.0.0.1:$port/";
}
END { local $?; kill 'KILL', -$line_pid if $line_pid; $b->quit if $b }

sub js { return $b->eval_js($_[0]) }
sub text_of { return js("document.querySelector('$_[0]')?.textContent") }
sub count_of { return js("document.querySelectorAll('$_[0]').length") }
sub wait_js { my ($js) = @_; return lib::until_true(sub { (js($js) // '') eq 'true' }) }
sub idle { return wait_js("!document.querySelector('.live')") }
sub fits { return js('document.documentElement.scrollWidth <= innerWidth && document.body.scrollWidth <= innerWidth') }
# A picture into $SHOTS, if that is set.
sub shot { $b->shot("$ENV{SHOTS}/$_[0].png") if $ENV{SHOTS} }
sub desk { $b->size(1280, 860) }
sub phone { $b->size(390, 800) }
sub complaints { return join "\n", grep { !/400 \(Bad Request\)/ } $b->console }

sub open_page {
    $b->open($_[0] // $url);
    return wait_js("document.getElementById('model').textContent.includes('deckhand')");
}

# Runs the body of an async function; the value it returns, as text.
sub later {
    my ($body) = @_;
    js("((globalThis.LATER = undefined), void (async () => { $body })().then(v => { globalThis.LATER = String(v) }, "
        . "e => { globalThis.LATER = 'failed: ' + e.stack }))");
    wait_js('globalThis.LATER !== undefined') or return undef;
    return js('globalThis.LATER');
}

# Puts a conversation on the page: its title and, in JSON, its messages, each answering the one before.
sub seed {
    my ($title, $messages) = @_;
    return later("const [s, t] = await Promise.all([import('/assets/state.js'), import('/assets/tree.js')]);"
        . "s.show(null); const c = s.currentOrNew(); c.title = '$title'; let last = null;"
        . "for (const m of $messages) last = t.add(c, last, m).id; s.touch(c); s.changed('thread'); return 'seeded'");
}

# Settings, as a person would have left them.
sub settings {
    my ($json) = @_;
    js("localStorage.setItem('stokehold.settings', JSON.stringify({...JSON.parse(localStorage.getItem('stokehold.settings') "
        . "|| '{}'), chat: $json}))");
    return open_page();
}

1;
