"""Man pages, completions and `ordeal help` say all that --help says: every command, option and argument; shells complete
them; the pages of docs/ are found by their names."""
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

from program import ENVIRONMENT, ORDEAL, Case, main

PROGRAM = str(Path(ORDEAL).resolve())
ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SHELLS = ("bash", "zsh", "fish")
# A line of --help that begins with a name: "  -q,--quiet   What", "  experiment FILE REQUIRED".
OPTION = re.compile(r"^  ((?:-\w,)?--[\w-]+)(.*)", re.M)
ARGUMENT = re.compile(r"^  (\w+)", re.M)


def say(*words, code=0, **environment):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=30, env={**ENVIRONMENT, **environment})
    if done.returncode != code:
        raise AssertionError(f"{words}: {done}")
    return done.stdout if code == 0 else done.stderr


def part_of_help(text, title):
    found = re.search(rf"^{title}:\n((?:  .*\n| {{10,}}.*\n)+)", text, re.M)
    return found[1] if found else ""


def commands():
    return [line.split()[0] for line in part_of_help(say("--help"), "Subcommands").splitlines() if re.match(r"  \S", line)]


def options_in(text):
    return [name for names, _ in OPTION.findall(part_of_help(text, "Options")) for name in names.split(",")]


def descriptions(part):
    """What stands beside the names, or below one that is too long for its column."""
    lines = part.splitlines()
    for line, below in zip(lines, [*lines[1:], ""]):
        if line.startswith(" " * 30) or not below.startswith(" " * 30):
            yield " ".join(line[30:].split())


def plain(roff):
    return re.sub(r"\\f[BIR]", "", roff).replace("\\-", "-").replace("\\e", "\\")


class Manual(unittest.TestCase):
    def helps(self):
        """(command, its --help); "" is the program."""
        yield "", say("--help")
        for command in commands():
            yield command, say(command, "--help")

    def test_help_of_a_command_is_its_help(self):
        self.assertEqual(say("help"), say("--help"))
        self.assertGreater(len(commands()), 15)
        for command in commands():
            self.assertEqual(say("help", command), say(command, "--help"))

    def test_a_command_that_is_none(self):
        self.assertEqual(say("help", "repotr", code=2), 'ordeal: there is no command "repotr"\n  did you mean "report"?\n')

    def test_every_command_has_exit_codes_of_its_own(self):
        for command, text in self.helps():
            with self.subTest(command):
                self.assertIn("Exit codes: 0 ", text)
        self.assertNotIn("halted", say("lint", "--help"))
        self.assertIn("5 halted", say("run", "--help"))

    def test_man_pages_have_every_option_and_argument(self):
        for command, text in self.helps():
            page = plain(say("help", *([command] if command else []), "--man"))
            options = options_in(text)
            self.assertIn("--help", options)
            for name in options:
                with self.subTest(command=command, option=name):
                    self.assertRegex(page, rf"(?m)^(.*, )?{name}(,| |$)")
            for name in ARGUMENT.findall(part_of_help(text, "Positionals")):
                with self.subTest(command=command, argument=name):
                    self.assertRegex(page, rf"(?m)^{name}$")
            for words in descriptions(part_of_help(text, "Options")):
                self.assertIn(words.split(";")[0], " ".join(page.split()))

    def test_man_finds_no_fault_with_the_pages(self):
        for command, _ in self.helps():
            page = say("help", *([command] if command else []), "--man")
            shown = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-"], input=page, capture_output=True, text=True,
                                   timeout=30, env={**ENVIRONMENT, "MANWIDTH": "100", "MANROFFSEQ": ""})
            self.assertEqual((shown.returncode, shown.stderr), (0, ""), command)
            self.assertIn("EXIT STATUS", shown.stdout)

    def test_scripts_have_every_command_and_option(self):
        scripts = {shell: say("completion", shell) for shell in SHELLS}
        for command, text in self.helps():
            for name in options_in(text):
                with self.subTest(command=command, option=name):
                    self.assertRegex(scripts["bash"], rf"(?m)^    {command or repr('')}\) echo '(.* )?{name}( .*)?' ;;$")
                    flag = f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
                    self.assertRegex(scripts["fish"], rf"(?m)^complete -c ordeal -n \"__ordeal_is '{command}'\".* {flag} ")
                    if command:
                        block = re.search(rf"^      {command}\) _arguments(.*?);;$", scripts["zsh"], re.M | re.S)[1]
                        self.assertRegex(block, rf"[*)]{name}[=+]?\[")
                    else:
                        self.assertRegex(scripts["zsh"], rf"[*)]{name}[=+]?\[")

    def test_a_shell_that_is_none(self):
        self.assertIn("tcsh", say("completion", "tcsh", code=2))
        self.assertIn("say bash, zsh or fish", say("completion", code=2))


class Docs(Case):
    def test_each_page_is_found_by_its_names(self):
        topics = [json.loads(line) for line in say("docs", "--json").splitlines()]
        self.assertEqual({t["topic"] for t in topics},
                         {str(page.relative_to(DOCS).with_suffix("")) for page in DOCS.rglob("*.md")})
        for topic in topics:
            page = (DOCS / topic["topic"]).with_suffix(".md").read_text()
            self.assertTrue(topic["title"] and f"# {topic['title']}\n" in page, topic)
        policy = (DOCS / "formats" / "policy.md").read_text()
        for name in ("policy", "formats/policy", "docs/formats/policy.md"):
            self.assertEqual(say("docs", name), policy)

    def test_what_is_no_page(self):
        self.assertIn('did you mean "policy"?', say("docs", "polciy", code=2))
        for name in ("../README", "/etc/passwd", "docs/../../etc/passwd"):
            self.assertIn("there is no page", say("docs", name, code=2))

    def test_alone_it_says_so(self):
        shutil.copy(PROGRAM, self.folder + "/ordeal")
        done = subprocess.run([self.folder + "/ordeal", "docs"], capture_output=True, text=True, env=ENVIRONMENT)
        self.assertEqual(done.returncode, 7)
        self.assertIn("the pages are not installed", done.stderr)


class Version(Case):
    def header_of(self, source):
        header = Path(self.folder, "commit.h")
        subprocess.run(["cmake", f"-DSOURCE={source}", f"-DHEADER={header}", "-P", str(ROOT / "cmake/Commit.cmake")], check=True)
        return header.read_text()

    def git(self, *words):
        return subprocess.run(["git", "-c", "safe.directory=*", "-C", str(ROOT), *words], capture_output=True)

    def test_it_says_what_was_built(self):
        self.assertRegex(say("--version"), r"^ordeal \d+\.\d+\.\d+( \(commit [0-9a-f]{12}(, changed since)?\))?\n$")

    def test_the_commit_is_found_in_a_tree_in_an_archive_or_nowhere(self):
        head = self.git("rev-parse", "--short=12", "HEAD")
        if head.returncode != 0:
            self.skipTest("no tree of git")
        commit = head.stdout.decode().strip()
        self.assertRegex(self.header_of(ROOT), rf'"{commit}(, changed since)?"')
        archive = self.git("archive", "HEAD", "cmake").stdout
        subprocess.run(["tar", "-x", "-C", self.folder], input=archive, check=True)
        self.assertIn(f'"{commit}"', self.header_of(self.folder))
        shutil.copy(ROOT / "cmake/archive-commit.txt", self.folder + "/cmake/archive-commit.txt")
        self.assertIn('""', self.header_of(self.folder))


class Samples(unittest.TestCase):
    def test_the_first_experiment_is_the_readme_s(self):
        printed = re.search(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text().split("## Your first experiment")[1], re.S)[1]
        sample = (ROOT / "examples/first.yaml").read_text()
        self.assertEqual(*(re.sub(r"(?m)^#.*\n", "", text) for text in (printed, sample)))


class Shells(Case):
    def setUp(self):
        super().setUp()
        os.mkdir(self.folder + "/bin")
        os.symlink(PROGRAM, self.folder + "/bin/ordeal")
        Path(self.folder, "my file.yaml").write_text("")
        self.environment = {**ENVIRONMENT, "PATH": f"{self.folder}/bin:{os.environ['PATH']}", "HOME": self.folder,
                            "XDG_STATE_HOME": self.folder, "TERM": "dumb"}
        for shell, name in (("bash", "ordeal.bash"), ("zsh", "_ordeal"), ("fish", "ordeal.fish")):
            Path(self.folder, name).write_text(say("completion", shell))

    def in_bash(self, line):
        """What is offered for the last word; "=" is a word of its own, as in a terminal."""
        words = [word for part in line.split(" ") for word in (re.split(r"(=)", part) if "=" in part else [part])]
        words = [word for i, word in enumerate(words) if word or i == len(words) - 1]
        script = ('source ordeal.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ordeal 2>/dev/null; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "--norc", "-c", script, "bash", *words], capture_output=True, text=True, timeout=30,
                              cwd=self.folder, env=self.environment)
        self.assertEqual(done.stderr, "")
        return done.stdout.split("\n")[:-1]

    def in_fish(self, line):
        done = subprocess.run(["fish", "--no-config", "-c", "source ordeal.fish; complete -C $argv[1]", line],
                              capture_output=True, text=True, timeout=30, cwd=self.folder, env=self.environment)
        self.assertEqual(done.stderr, "")
        return [answer.split("\t")[0] for answer in done.stdout.splitlines()]

    def in_zsh(self, lines):
        """What stands on the command line after a tab behind each line."""
        Path(self.folder, ".zshrc").write_text(
            f"unset zle_bracketed_paste; fpath=({self.folder} $fpath); autoload -U compinit; compinit -u -D\n"
            f"show() {{ print -r -- \"$BUFFER\" >>{self.folder}/shown; BUFFER= }}; zle -N show; bindkey '^T' show\n")
        shown = Path(self.folder, "shown")
        shown.write_text("")
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.execvpe("zsh", ["zsh", "-i"], {**self.environment, "ZDOTDIR": self.folder})
        try:
            for count, line in enumerate(lines, 1):
                os.write(terminal, f"{line}\t\x14".encode())
                self.drain(terminal, lambda count=count: len(shown.read_text().splitlines()) == count)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(terminal)
        return shown.read_text().splitlines()

    def drain(self, terminal, done):
        seen, until = "", time.monotonic() + 20
        while not done():
            self.assertLess(time.monotonic(), until, seen)
            if select.select([terminal], [], [], 0.05)[0]:
                seen += os.read(terminal, 65536).decode(errors="replace")

    def test_bash(self):
        self.assertEqual(self.in_bash("ordeal rep"), ["report"])
        self.assertIn("verify-clean", self.in_bash("ordeal "))
        self.assertEqual(self.in_bash("ordeal run --ex"), ["--expect"])
        self.assertEqual(self.in_bash("ordeal run my"), ["my file.yaml"])
        self.assertEqual(self.in_bash("ordeal run --set a=b --expect=my"), ["my file.yaml"])
        self.assertEqual(self.in_bash("ordeal attacks lat"), ["latency"])
        self.assertEqual(self.in_bash("ordeal report --format j"), ["json", "junit"])
        self.assertEqual(self.in_bash("ordeal help bud"), ["budget"])
        self.assertEqual(self.in_bash("ordeal docs formats/pol"), ["formats/policy"])
        self.assertEqual(self.in_bash("ordeal scrape --interval "), [""])

    @unittest.skipUnless(shutil.which("fish"), "needs fish")
    def test_fish(self):
        self.assertEqual(self.in_fish("ordeal rep"), ["report"])
        self.assertEqual(self.in_fish("ordeal run --ex"), ["--expect"])
        self.assertEqual(self.in_fish("ordeal run my"), ["my file.yaml"])
        self.assertEqual(self.in_fish("ordeal run --expect my"), ["my file.yaml"])
        self.assertEqual(self.in_fish("ordeal attacks lat"), ["latency"])
        self.assertEqual(self.in_fish("ordeal report --format ju"), ["junit"])
        self.assertEqual(self.in_fish("ordeal docs formats/pol"), ["formats/policy"])

    @unittest.skipUnless(shutil.which("zsh"), "needs zsh")
    def test_zsh(self):
        typed = {"ordeal rep": "ordeal report ", "ordeal run --ex": "ordeal run --expect=", "ordeal run my": "ordeal run my\\ file.yaml ",
                 "ordeal attacks lat": "ordeal attacks latency ", "ordeal report --format ju": "ordeal report --format junit ",
                 "ordeal docs formats/pol": "ordeal docs formats/policy "}
        self.assertEqual(self.in_zsh(typed), list(typed.values()))


if __name__ == "__main__":
    main()
