/* opt_bash.c - bash completion from the option tables.
 *
 * Two functions hold the tables: PROGRAM__flags VERB prints the verb's flags, PROGRAM__kind VERB
 * FLAG prints what may follow a flag ("file", "dir", "model", "value", "words A B", with "list " in
 * front where several values may follow).  The rest of the script is the same for every program.
 */
#include "base/opt_doc.h"

#include <assert.h>
#include <string.h>

/* Appends s for single quotes of the shell. */
static void quoted(const char *s, sk_buf *out)
{
    sk_buf_addc(out, '\'');
    for (; *s; s++) {
        if (*s == '\'')
            sk_buf_adds(out, "'\\''");
        else
            sk_buf_addc(out, *s);
    }
    sk_buf_addc(out, '\'');
}

/* Appends program as the start of a function's name. */
static void function_name(const char *program, const char *tail, sk_buf *out)
{
    sk_buf_addc(out, '_');
    for (; *program; program++) {
        char c = *program;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        sk_buf_addc(out, plain ? c : '_');
    }
    sk_buf_adds(out, tail);
}

/* Appends the case of PROGRAM__flags for one verb. */
static void flags_case(const sk_opt_verb *verb, sk_buf *out)
{
    sk_buf_addf(out, "    %s) echo \"--help", verb->name);
    for (const sk_opt *row = verb->opts; row->name; row++) {
        if (!sk_opt_is_flag(row)) continue;
        sk_buf_addf(out, " --%s", row->name);
        if (row->type == SK_OPT_BOOL && row->deflt && !strcmp(row->deflt, "true"))
            sk_buf_addf(out, " --no-%s", row->name);
    }
    sk_buf_adds(out, "\" ;;\n");
}

/* Appends the cases of PROGRAM__kind for one verb; switches have none, nothing follows them. */
static void kind_cases(const sk_opt_verb *verb, sk_buf *out)
{
    static const char *const kinds[] = {"value", "file", "dir", "model", "words"};
    for (const sk_opt *row = verb->opts; row->name; row++) {
        if (!sk_opt_is_flag(row) || row->type == SK_OPT_BOOL) continue;
        assert((size_t)row->complete < sizeof kinds / sizeof *kinds);
        sk_buf_addf(out, "    '%s --%s'", verb->name, row->name);
        if (row->letter) sk_buf_addf(out, " | '%s -%c'", verb->name, row->letter);
        sk_buf_adds(out, ") echo ");
        sk_buf word = SK_BUF_INIT;
        sk_buf_addf(&word, "%s%s", row->type == SK_OPT_LIST ? "list " : "", kinds[row->complete]);
        if (row->complete == SK_COMPLETE_WORDS) sk_buf_addf(&word, " %s", row->words);
        if (word.len) quoted(word.p, out);
        out->oom |= !sk_buf_ok(&word);
        sk_buf_fini(&word);
        sk_buf_adds(out, " ;;\n");
    }
}

/* The part that is the same for all programs; '@' stands for the start of the functions' names.  A
 * flag and its value may be split at '=' by readline, hence the look at three words. */
static const char script_tail[] =
    "# The words that may come next in a verb whose name begins with $1 (a name's dashes are "
    "spaces).\n"
    "@__more() {\n"
    "    local v out=' '\n"
    "    for v in $(@__verbs); do\n"
    "        [[ $v == \"$1\"* ]] || continue\n"
    "        v=${v#\"$1\"} v=${v%%-*}\n"
    "        [[ $out == *\" $v \"* ]] || out+=\"$v \"\n"
    "    done\n"
    "    out=${out# }\n"
    "    echo \"${out% }\"\n"
    "}\n"
    "\n"
    "@__complete() {\n"
    "    local kind=$1 cur=$2\n"
    "    case $kind in\n"
    "    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") "
    ";;\n"
    "    dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") "
    ";;\n"
    "    model)\n"
    "        compopt -o filenames 2>/dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -f -X '!*.gguf' -- \"$cur\"; compgen -d -- "
    "\"$cur\")\n"
    "        ;;\n"
    "    words\\ *) mapfile -t COMPREPLY < <(compgen -W \"${kind#words }\" -- \"$cur\") ;;\n"
    "    esac\n"
    "}\n"
    "\n"
    "@() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} flag= kind= i more\n"
    "    COMPREPLY=()\n"
    "    if ((COMP_CWORD == 1)); then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$(@__more '')\" -- \"$cur\")\n"
    "        return\n"
    "    fi\n"
    "    for ((i = 2; i <= COMP_CWORD; i++)); do\n"
    "        more=$(@__more \"$verb-\")\n"
    "        [[ $more ]] || break\n"
    "        if ((i == COMP_CWORD)) && [[ $cur != -* ]]; then\n"
    "            mapfile -t COMPREPLY < <(compgen -W \"$more\" -- \"$cur\")\n"
    "            [[ ${COMPREPLY-} ]] && return\n"
    "        fi\n"
    "        [[ \" $more \" == *\" ${COMP_WORDS[i]} \"* ]] || break\n"
    "        verb+=-${COMP_WORDS[i]}\n"
    "    done\n"
    "    if [[ $cur == = ]]; then\n"
    "        flag=${COMP_WORDS[COMP_CWORD-1]} cur=\n"
    "    elif [[ ${COMP_WORDS[COMP_CWORD-1]} == = ]]; then\n"
    "        flag=${COMP_WORDS[COMP_CWORD-2]}\n"
    "    elif [[ $cur == -* ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$(@__flags \"$verb\")\" -- \"$cur\")\n"
    "        return\n"
    "    else\n"
    "        for ((i = COMP_CWORD - 1; i > 1; i--)); do\n"
    "            [[ ${COMP_WORDS[i]} == -* ]] || continue\n"
    "            kind=$(@__kind \"$verb\" \"${COMP_WORDS[i]}\")\n"
    "            if ((i == COMP_CWORD - 1)) || [[ $kind == list\\ * ]]; then\n"
    "                flag=${COMP_WORDS[i]}\n"
    "            fi\n"
    "            break\n"
    "        done\n"
    "    fi\n"
    "    kind=$(@__kind \"$verb\" \"$flag\")\n"
    "    [[ $kind ]] || kind=$(@__kind \"$verb\" '')\n"
    "    @__complete \"${kind#list }\" \"$cur\"\n"
    "}\n";

/* Appends script_tail with the program's name in it. */
static void add_tail(const char *program, sk_buf *out)
{
    for (const char *s = script_tail; *s; s++) {
        if (*s == '@')
            function_name(program, "", out);
        else
            sk_buf_addc(out, *s);
    }
}

/* Appends the completion script for all verbs. */
void sk_opt_bash(const sk_opt_verb *const *verbs, size_t n_verbs, const char *program, sk_buf *out)
{
    sk_buf_addf(out, "# bash completion for %s\n\n", program);
    function_name(program, "__verbs() {\n    echo \"", out);
    for (size_t i = 0; i < n_verbs; i++)
        sk_buf_addf(out, "%s%s", i ? " " : "", verbs[i]->name);
    sk_buf_adds(out, "\"\n}\n\n");
    function_name(program, "__flags() {\n    case $1 in\n", out);
    for (size_t i = 0; i < n_verbs; i++)
        flags_case(verbs[i], out);
    sk_buf_adds(out, "    esac\n}\n\n");
    function_name(program, "__kind() {\n    case \"$1 $2\" in\n", out);
    for (size_t i = 0; i < n_verbs; i++) {
        kind_cases(verbs[i], out);
        if (verbs[i]->max_args) sk_buf_addf(out, "    '%s ') echo file ;;\n", verbs[i]->name);
    }
    sk_buf_adds(out, "    esac\n}\n\n");
    add_tail(program, out);
    sk_buf_addc(out, '\n');
    sk_buf_adds(out, "complete -F ");
    function_name(program, "", out);
    sk_buf_addf(out, " %s\n", program);
}
