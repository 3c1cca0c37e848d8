"""How the script is written: for perl, which every Debian has, and for the shell where it is missing.

The shell needs nine processes for each probe, perl one, and a host is looked at every five minutes. Perl counts what a probe has
said and says it as it is; the shell cannot, and puts it into base64.
The program is read from a here-document and never stands in anybody's argv, so that the mark is secret to whoever else is on the
host.
"""

import shlex
from collections.abc import Sequence

from aiops.probes import AnyProbe

ERRORS_LIMIT = 64 * 1024
"""Bytes of standard error that are kept per probe: enough for any message worth reading."""

PIECE = 64 * 1024
"""Bytes that are said at once: two of SSH's largest packets."""

KILL_AFTER = 2
"""Seconds a probe has to end after its time limit before it is killed."""

_PERL = """\
my $mark = '{mark}';
my $unsaid = '';
my @probes = ( # root, seconds, bytes, argv...
{probes});
my $power = $> == 0 ? 'root' : (grep {{ -x "$_/sudo" }} split /:/, $ENV{{PATH}}) ? 'sudo' : 'none';
say_all("\\n$mark start\\n");
for my $number (0 .. $#probes) {{
    my ($root, $seconds, $bytes, @argv) = @{{$probes[$number]}};
    if ($root && $power eq 'none') {{
        say_all("\\n$mark $number powerless\\n");
        next;
    }}
    # An unprivileged process cannot kill root's, so there timeout runs inside sudo.
    @argv = ('sudo', '-n', '--', '/usr/bin/timeout', '-k', {kill}, $seconds, @argv) if $root && $power eq 'sudo';
    my ($out, $err, $code) = own($bytes, @argv);
    ($out, $err, $code) = look($seconds, $bytes, @argv) unless defined $out;
    say_all("\\n$mark $number raw " . length($out) . ' ' . length($err) . " $code\\n$out$err");
}}
say_all("\\n$mark stop\\n");

# What perl can say as well as the command, without a process; where it cannot, the command says why.
sub own {{
    my ($bytes, $command, @words) = @_;
    return (time . "\n", '', 0) if "$command @words" eq 'date +%s';
    return unless $command eq 'cat' && @words == 1 && index($words[0], '/proc/self/') == 0;
    open my $file, '<', $words[0] or return;
    my ($text, $got) = ('', 1);
    $got = sysread $file, $text, $bytes - length $text, length $text while $got && $bytes > length $text;
    return defined $got ? ($text, '', 0) : ();
}}

sub look {{
    my ($seconds, $bytes, @argv) = @_;
    pipe(my $out, my $to_out) && pipe(my $err, my $to_err) or die "pipe: $!\\n";
    my $pid = fork;
    die "fork: $!\\n" unless defined $pid;
    if (!$pid) {{
        $unsaid = ''; # the parent's
        setpgrp 0, 0;
        open STDIN, '<', '/dev/null' and open STDOUT, '>&', $to_out and open STDERR, '>&', $to_err and exec {{ $argv[0] }} @argv;
        my $code = $! == 2 ? 127 : 126;
        syswrite STDERR, "$argv[0]: $!\\n";
        exit $code;
    }}
    close $to_out;
    close $to_err;
    # Asked to end, then killed, then given up: what root runs may not be ours to kill.
    my $late = 0;
    local $SIG{{ALRM}} = sub {{
        $late++;
        kill $late == 1 ? 'TERM' : 'KILL', -$pid if $late < 3;
        alarm($late == 1 ? {kill} : 1);
    }};
    alarm $seconds;
    my %open = (fileno($out) => [$out, $bytes, ''], fileno($err) => [$err, {errors}, '']);
    my @streams = ($open{{fileno $out}}, $open{{fileno $err}});
    while (%open && $late < 3) {{
        my $ready = '';
        vec($ready, $_, 1) = 1 for keys %open;
        next if select($ready, undef, undef, undef) <= 0;
        for my $number (grep {{ vec $ready, $_, 1 }} keys %open) {{
            my $stream = $open{{$number}};
            my $room = $stream->[1] - length $stream->[2];
            my $got = sysread $stream->[0], $stream->[2], $room < 65536 ? $room : 65536, length $stream->[2];
            next if !defined $got && $! == 4;
            if (!$got || $room == $got) {{
                close $stream->[0];
                delete $open{{$number}};
            }}
        }}
    }}
    my $ended = 0;
    $ended = waitpid $pid, 0 while $ended != $pid && $late < 3;
    my $status = $?;
    alarm 0;
    my $code = $late == 1 ? 124 : $late ? 137 : $status & 127 ? 128 + ($status & 127) : $status >> 8;
    return ($streams[0][2], $streams[1][2], $code);
}}

# Few large pieces instead of two for each probe: every piece wakes sshd, the network and three threads of whoever asked.
sub say_all {{
    $unsaid .= $_[0];
    say_it() if length $unsaid >= {piece};
}}

sub say_it {{
    my ($text, $at) = ($unsaid, 0);
    $unsaid = '';
    while ($at < length $text) {{
        my $wrote = syswrite STDOUT, $text, length($text) - $at, $at;
        exit 1 if !defined $wrote && $! != 4;
        $at += $wrote || 0;
    }}
}}

END {{ say_it() }}
"""

_HEAD = """\
# shellcheck disable=SC2016 # arguments are quoted so that nothing in them expands
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
TZ=UTC
export PATH LC_ALL TZ
mark={mark}

# number, bytes, argv...: fd 3 carries the probe's errors, fd 4 its framed output, fd 5 its exit code
look() {{
    number=$1
    bytes=$2
    shift 2
    printf '\\n%s %s out ' "$mark" "$number"
    rest=$(
        exec 5>&1
        {{
            {{
                "$@" </dev/null 2>&3 3>&- 4>&- 5>&-
                printf ':%s:' "$?" >&5
            }} | head -c "$bytes" | base64 -w 0
        }} 3>&1 >&4 | head -c {errors} | base64 -w 0
    )
    printf '\\n%s %s end %s\\n' "$mark" "$number" "$rest"
}}

as_root() {{
    case $power in
    root) look "$@" ;;
    sudo)
        number=$1
        bytes=$2
        shift 2
        look "$number" "$bytes" sudo -n -- "$@"
        ;;
    *) printf '\\n%s %s powerless\\n' "$mark" "$1" ;;
    esac
}}

# A function is read to its end before it runs: a script cut short on its way does nothing at all.
main() {{
"""

_WHERE_THERE_IS_PERL = """\
    if command -v perl >/dev/null 2>&1; then
        exec perl - <<'{mark}'
{program}{mark}
    fi
"""

_SHELL = """\
    exec 4>&1
    if [ "$(id -u)" = 0 ]; then
        power=root
    elif command -v sudo >/dev/null 2>&1; then
        power=sudo
    else
        power=none
    fi
    printf '\\n%s start\\n' "$mark"
{looks}    printf '\\n%s stop\\n' "$mark"
}}

main
exit 0
"""


def limited(probe: AnyProbe) -> tuple[str, ...]:
    """The argv as a shell and sudo run it: under its time limit.

    For root's probes ``timeout`` runs inside sudo and by its full path: an unprivileged ``timeout`` cannot kill root's process.
    """
    timeout = "/usr/bin/timeout" if probe.sudo else "timeout"
    return (timeout, "-k", str(KILL_AFTER), str(probe.seconds), *probe.argv)


def written(mark: str, probes: Sequence[AnyProbe], *, perl: bool = True) -> str:
    """The text to run on a host. Without ``perl`` the shell alone, as on a host that has none."""
    text = _HEAD.format(mark=mark, errors=ERRORS_LIMIT)
    if perl:
        rows = "".join(
            f"    [{int(probe.sudo)}, {probe.seconds}, {probe.limit + 1}, {', '.join(map(_quoted, probe.argv))}],\n"
            for probe in probes
        )
        program = _PERL.format(mark=mark, probes=rows, kill=KILL_AFTER, errors=ERRORS_LIMIT, piece=PIECE)
        text += _WHERE_THERE_IS_PERL.format(mark=mark, program=program)
    looks = "".join(
        f"    {'as_root' if probe.sudo else 'look'} {number} {probe.limit + 1} {shlex.join(limited(probe))}\n"
        for number, probe in enumerate(probes)
    )
    return text + _SHELL.format(looks=looks)


def _quoted(word: str) -> str:
    """A string of perl in which nothing is special."""
    return "'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'"
