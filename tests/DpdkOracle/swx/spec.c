// Reads a .spec file and configures the pipeline through the public API: DPDK's own loader only feeds its code generator,
// whose output needs a header that is not installed.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "swx.h"

enum { TOKENS_MAX = 256, LINE_MAX_BYTES = 2048 };

struct line {
    char **tokens;
    size_t count;
    size_t number;
};

// A statement with the lines of its block, without the braces.
struct block {
    struct line head;
    struct line *body;
    size_t count;
};

static const char *file;

static void fail(const struct line *line, const char *what, int error)
{
    die("%s:%zu: %s%s%s", file, line->number, what, error ? ": " : "", error ? strerror(-error) : "");
}

static void *grown(void *array, size_t count, size_t size)
{
    // Powers of two keep the cost linear.
    if ((count & (count - 1)) == 0)
        array = realloc(array, (count ? 2 * count : 1) * size);
    if (!array)
        die("out of memory");
    return array;
}

static bool is(const struct line *line, size_t index, const char *text)
{
    return index < line->count && !strcmp(line->tokens[index], text);
}

static uint64_t number(const struct line *line, size_t index)
{
    char *end;
    uint64_t value;

    if (index >= line->count)
        fail(line, "a number is missing", 0);
    value = strtoull(line->tokens[index], &end, 0);
    if (*end)
        fail(line, "not a number", 0);
    return value;
}

static bool read_line(FILE *stream, struct line *line, size_t *line_number)
{
    char text[LINE_MAX_BYTES], *rest, *token;

    for (;;) {
        if (!fgets(text, sizeof(text), stream))
            return false;
        ++*line_number;
        *line = (struct line){.number = *line_number};
        for (rest = text; (token = strtok_r(rest, " \f\n\r\t\v", &rest));) {
            if (token[0] == '#' || token[0] == ';' || (token[0] == '/' && token[1] == '/'))
                break;
            if (line->count == TOKENS_MAX)
                fail(line, "too many tokens", 0);
            line->tokens = grown(line->tokens, line->count, sizeof(char *));
            line->tokens[line->count++] = strdup(token);
        }
        if (line->count)
            return true;
    }
}

static bool opens(const struct line *line)
{
    return is(line, line->count - 1, "{");
}

// Joins tokens with single blanks.
static char *joined(const struct line *line, size_t first, size_t end)
{
    char text[LINE_MAX_BYTES] = "";

    for (size_t i = first; i < end; i++) {
        if (i > first)
            strcat(text, " ");
        strcat(text, line->tokens[i]);
    }
    return strdup(text);
}

static void configure_struct(struct rte_swx_pipeline *pipeline, const struct block *block)
{
    struct rte_swx_field_params *fields = calloc(block->count, sizeof(*fields));
    int variable = 0, status;

    for (size_t i = 0; i < block->count; i++) {
        const struct line *line = &block->body[i];
        unsigned bits;

        variable = sscanf(line->tokens[0], "varbit<%u>", &bits) == 1;
        if (line->count != 2 || (!variable && sscanf(line->tokens[0], "bit<%u>", &bits) != 1))
            fail(line, "not a field", 0);
        fields[i] = (struct rte_swx_field_params){.name = line->tokens[1], .n_bits = bits};
    }
    status = rte_swx_pipeline_struct_type_register(pipeline, block->head.tokens[1], fields, block->count, variable);
    if (status)
        fail(&block->head, "struct rejected", status);
}

static void instructions_of(const struct block *block, const char ***instructions)
{
    *instructions = calloc(block->count, sizeof(char *));
    for (size_t i = 0; i < block->count; i++)
        (*instructions)[i] = joined(&block->body[i], 0, block->body[i].count);
}

static void configure_action(struct rte_swx_pipeline *pipeline, const struct block *block)
{
    const struct line *head = &block->head;
    const char **instructions, *arguments = NULL;
    int status;

    // action NAME args none {   or   action NAME args instanceof TYPE {
    if (is(head, 3, "instanceof") && head->count == 6)
        arguments = head->tokens[4];
    else if (!is(head, 3, "none"))
        fail(head, "not an action", 0);
    instructions_of(block, &instructions);
    status = rte_swx_pipeline_action_config(pipeline, head->tokens[1], arguments, instructions, block->count);
    if (status)
        fail(head, "action rejected", status);
}

struct actions {
    const char **names;
    int *for_entries;
    int *for_default;
    size_t count;
    const char *default_name;
    const char *default_arguments;
    int default_is_const;
};

// Index of the line after the nested block that opens at `at`.
static size_t nested_end(const struct block *block, size_t at)
{
    while (at < block->count && !is(&block->body[at], 0, "}"))
        at++;
    return at;
}

static void read_actions(const struct block *block, size_t first, size_t end, struct actions *actions)
{
    actions->count = end - first;
    actions->names = calloc(actions->count, sizeof(char *));
    actions->for_entries = calloc(actions->count, sizeof(int));
    actions->for_default = calloc(actions->count, sizeof(int));
    for (size_t i = 0; i < actions->count; i++) {
        const struct line *line = &block->body[first + i];

        actions->names[i] = line->tokens[0];
        actions->for_entries[i] = !is(line, 1, "@defaultonly");
        actions->for_default[i] = !is(line, 1, "@tableonly");
    }
}

static void read_default(const struct line *line, struct actions *actions)
{
    size_t end = line->count;

    // default_action NAME args none|NAME VALUE ... [const]
    if (end < 4)
        fail(line, "not a default action", 0);
    if (is(line, end - 1, "const")) {
        actions->default_is_const = 1;
        end--;
    }
    actions->default_name = line->tokens[1];
    actions->default_arguments = is(line, 3, "none") ? NULL : joined(line, 3, end);
}

static enum rte_swx_table_match_type match_type(const struct line *line)
{
    if (is(line, 1, "exact"))
        return RTE_SWX_TABLE_MATCH_EXACT;
    if (is(line, 1, "lpm"))
        return RTE_SWX_TABLE_MATCH_LPM;
    if (is(line, 1, "wildcard"))
        return RTE_SWX_TABLE_MATCH_WILDCARD;
    fail(line, "not a match kind", 0);
    return 0;
}

static void configure_table(struct rte_swx_pipeline *pipeline, const struct block *block)
{
    struct rte_swx_match_field_params *fields = NULL;
    struct actions actions = {0};
    const char *type = NULL, *arguments = NULL, *hash = NULL;
    uint32_t size = 0, field_count = 0;
    int status;

    for (size_t i = 0; i < block->count; i++) {
        const struct line *line = &block->body[i];
        size_t end;

        if (is(line, 0, "key")) {
            end = nested_end(block, i);
            field_count = end - i - 1;
            fields = field_count ? calloc(field_count, sizeof(*fields)) : NULL;
            for (size_t f = 0; f < field_count; f++) {
                const struct line *field = &block->body[i + 1 + f];

                fields[f].name = field->tokens[0];
                fields[f].match_type = match_type(field);
            }
            i = end;
        } else if (is(line, 0, "actions")) {
            end = nested_end(block, i);
            read_actions(block, i + 1, end, &actions);
            i = end;
        } else if (is(line, 0, "default_action"))
            read_default(line, &actions);
        else if (is(line, 0, "size"))
            size = number(line, 1);
        else if (is(line, 0, "instanceof"))
            type = line->tokens[1];
        else if (is(line, 0, "pragma"))
            arguments = line->tokens[1];
        else if (is(line, 0, "hash"))
            hash = line->tokens[1];
        else
            fail(line, "unknown statement in a table", 0);
    }

    struct rte_swx_pipeline_table_params parameters = {
        .fields = fields,
        .n_fields = field_count,
        .action_names = actions.names,
        .action_is_for_table_entries = actions.for_entries,
        .action_is_for_default_entry = actions.for_default,
        .n_actions = actions.count,
        .default_action_name = actions.default_name,
        .default_action_args = actions.default_arguments,
        .default_action_is_const = actions.default_is_const,
        .hash_func_name = hash,
    };
    status = rte_swx_pipeline_table_config(pipeline, block->head.tokens[1], &parameters, type, arguments, size);
    if (status)
        fail(&block->head, "table rejected", status);
}

static void configure_learner(struct rte_swx_pipeline *pipeline, const struct block *block)
{
    const char **fields = NULL, *hash = NULL;
    struct actions actions = {0};
    uint32_t size = 0, field_count = 0, timeouts[64], timeout_count = 0;
    int status;

    for (size_t i = 0; i < block->count; i++) {
        const struct line *line = &block->body[i];
        size_t end = opens(line) ? nested_end(block, i) : i;

        if (is(line, 0, "key")) {
            field_count = end - i - 1;
            fields = calloc(field_count, sizeof(char *));
            for (size_t f = 0; f < field_count; f++)
                fields[f] = block->body[i + 1 + f].tokens[0];
        } else if (is(line, 0, "actions"))
            read_actions(block, i + 1, end, &actions);
        else if (is(line, 0, "timeout"))
            for (size_t t = i + 1; t < end && timeout_count < 64; t++)
                timeouts[timeout_count++] = number(&block->body[t], 0);
        else if (is(line, 0, "default_action"))
            read_default(line, &actions);
        else if (is(line, 0, "size"))
            size = number(line, 1);
        else if (is(line, 0, "hash"))
            hash = line->tokens[1];
        else
            fail(line, "unknown statement in a learner", 0);
        i = end;
    }

    struct rte_swx_pipeline_learner_params parameters = {
        .field_names = fields,
        .n_fields = field_count,
        .action_names = actions.names,
        .action_is_for_table_entries = actions.for_entries,
        .action_is_for_default_entry = actions.for_default,
        .n_actions = actions.count,
        .default_action_name = actions.default_name,
        .default_action_args = actions.default_arguments,
        .default_action_is_const = actions.default_is_const,
        .hash_func_name = hash,
    };
    status = rte_swx_pipeline_learner_config(
        pipeline, block->head.tokens[1], &parameters, size, timeouts, timeout_count);
    if (status)
        fail(&block->head, "learner rejected", status);
}

static void configure_selector(struct rte_swx_pipeline *pipeline, const struct block *block)
{
    struct rte_swx_pipeline_selector_params parameters = {0};
    int status;

    for (size_t i = 0; i < block->count; i++) {
        const struct line *line = &block->body[i];

        if (is(line, 0, "selector")) {
            size_t end = nested_end(block, i);

            parameters.n_selector_fields = end - i - 1;
            parameters.selector_field_names = calloc(parameters.n_selector_fields, sizeof(char *));
            for (size_t f = 0; f < parameters.n_selector_fields; f++)
                parameters.selector_field_names[f] = block->body[i + 1 + f].tokens[0];
            i = end;
        } else if (is(line, 0, "group_id"))
            parameters.group_id_field_name = line->tokens[1];
        else if (is(line, 0, "member_id"))
            parameters.member_id_field_name = line->tokens[1];
        else if (is(line, 0, "n_groups_max"))
            parameters.n_groups_max = number(line, 1);
        else if (is(line, 0, "n_members_per_group_max"))
            parameters.n_members_per_group_max = number(line, 1);
        else
            fail(line, "unknown statement in a selector", 0);
    }
    status = rte_swx_pipeline_selector_config(pipeline, block->head.tokens[1], &parameters);
    if (status)
        fail(&block->head, "selector rejected", status);
}

static void configure_apply(struct rte_swx_pipeline *pipeline, const struct block *block)
{
    const char **instructions;
    int status;

    instructions_of(block, &instructions);
    status = rte_swx_pipeline_instructions_config(pipeline, instructions, block->count);
    if (status)
        fail(&block->head, "instructions rejected", status);
}

static void configure_header(struct rte_swx_pipeline *pipeline, const struct block *block)
{
    const struct line *head = &block->head; // header NAME instanceof TYPE
    int status = head->count == 4
        ? rte_swx_pipeline_packet_header_register(pipeline, head->tokens[1], head->tokens[3]) : -EINVAL;

    if (status)
        fail(head, "header rejected", status);
}

static void configure_metadata(struct rte_swx_pipeline *pipeline, const struct block *block)
{
    const struct line *head = &block->head; // metadata instanceof TYPE
    int status = head->count == 3 ? rte_swx_pipeline_packet_metadata_register(pipeline, head->tokens[2]) : -EINVAL;

    if (status)
        fail(head, "metadata rejected", status);
}

static void configure_regarray(struct rte_swx_pipeline *pipeline, const struct block *block)
{
    const struct line *head = &block->head; // regarray NAME size SIZE initval VALUE
    int status = rte_swx_pipeline_regarray_config(pipeline, head->tokens[1], number(head, 3), number(head, 5));

    if (status)
        fail(head, "register array rejected", status);
}

static void configure_metarray(struct rte_swx_pipeline *pipeline, const struct block *block)
{
    const struct line *head = &block->head; // metarray NAME size SIZE
    int status = rte_swx_pipeline_metarray_config(pipeline, head->tokens[1], number(head, 3));

    if (status)
        fail(head, "meter array rejected", status);
}

// Configured in dependency order, regardless of the order in the file.
static const struct {
    const char *keyword;
    void (*configure)(struct rte_swx_pipeline *pipeline, const struct block *block);
} kinds[] = {
    {"struct", configure_struct},     {"header", configure_header},     {"metadata", configure_metadata},
    {"regarray", configure_regarray}, {"metarray", configure_metarray}, {"action", configure_action},
    {"table", configure_table},       {"selector", configure_selector}, {"learner", configure_learner},
    {"apply", configure_apply},
};

void spec_load(struct rte_swx_pipeline *pipeline, const char *path)
{
    FILE *stream = fopen(path, "r");
    struct block *blocks = NULL;
    size_t count = 0, line_number = 0;
    struct line line;

    file = path;
    if (!stream)
        die("%s: %s", path, strerror(errno));
    while (read_line(stream, &line, &line_number)) {
        struct block block = {.head = line};
        int depth = opens(&line);

        while (depth && read_line(stream, &line, &line_number)) {
            depth += opens(&line) - is(&line, 0, "}");
            if (!depth)
                break;
            block.body = grown(block.body, block.count, sizeof(struct line));
            block.body[block.count++] = line;
        }
        if (depth)
            fail(&block.head, "the block is not closed", 0);
        blocks = grown(blocks, count, sizeof(struct block));
        blocks[count++] = block;
    }
    fclose(stream);

    size_t done = 0;
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
        for (size_t b = 0; b < count; b++)
            if (is(&blocks[b].head, 0, kinds[k].keyword)) {
                kinds[k].configure(pipeline, &blocks[b]);
                done++;
            }
    if (done != count)
        die("%s: unknown statement", path);
}
