//! The two streams: answers go to standard output, everything else to standard
//! error. Colour and progress are for terminals only.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::verdict::report::plain_line;

/// What a line says, which decides its colour on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it is.
    Plain,
    /// Allowed.
    Good,
    /// Refused.
    Bad,
    /// Worth a look.
    Warning,
}

impl Tone {
    /// The escape sequence that begins the colour.
    const fn begin(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Good => "\u{1b}[32m",
            Self::Bad => "\u{1b}[31m",
            Self::Warning => "\u{1b}[33m",
        }
    }
}

/// Whether standard output may be coloured: it is a terminal, and the user did
/// not say otherwise (`NO_COLOR`, see no-color.org; `TERM=dumb`).
fn coloured() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    io::stdout().is_terminal() && !unwanted && !dumb
}

/// Writes blocks of text to standard output, the first line of each in its
/// colour.
///
/// A reader that went away (`| head`) is no failure: the rest is not written,
/// and the exit code stays that of the answer.
///
/// # Errors
///
/// Any other failure to write.
pub(super) fn print(blocks: &[(Tone, String)]) -> io::Result<()> {
    let coloured = coloured();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut write = || {
        for (tone, block) in blocks {
            let (first, rest) = block.split_once('\n').unwrap_or((block, ""));
            if coloured && *tone != Tone::Plain {
                writeln!(out, "{}{first}\u{1b}[0m", tone.begin())?;
            } else {
                writeln!(out, "{first}")?;
            }
            out.write_all(rest.as_bytes())?;
            if !rest.is_empty() && !rest.ends_with('\n') {
                writeln!(out)?;
            }
        }
        out.flush()
    };
    match write() {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes a message to standard error, whatever is quoted in it without power
/// over the terminal. There is nobody to tell if that fails.
pub(super) fn complain(message: &str) {
    let mut out = io::stderr().lock();
    for line in message.trim_end().split('\n') {
        let _ = writeln!(out, "{}", plain_line(line));
    }
}

/// Shows on a terminal how many of `count` images have been judged; nothing
/// anywhere else.
pub(super) fn progress(count: usize) -> ProgressBar {
    if !io::stderr().is_terminal() || !io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(count as u64);
    if let Ok(style) = ProgressStyle::with_template("{spinner} verifying {pos}/{len} {elapsed}") {
        bar.set_style(style);
    }
    // Ten pictures a second look alive and cost nothing.
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
