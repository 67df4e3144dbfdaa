// The protocol: one command per line, answers in the order of the commands, buffered until "end".
//
//   entry TABLE add|delete ENTRY          ENTRY in the syntax of rte_swx_ctl_pipeline_table_entry_read()
//   default TABLE ENTRY                   default action of a table
//   learner-default LEARNER ENTRY
//   group SELECTOR add|delete GROUP       add answers "group N": SWX chooses the id
//   member SELECTOR GROUP add|delete MEMBER WEIGHT
//   commit                                "committed" or "refused CODE"
//   offer PORT HEX                        sets the packet that `rate` sends on the port
//   rate COUNT                            "rate NANOSECONDS": runs that many of the offered packets, all of which must be transmitted
//   packet PORT HEX                       "clone PORT HEX"..., then "out PORT HEX" or "drop"
//   advance MILLISECONDS
//   timeout LEARNER ID SECONDS
//   meter ARRAY INDEX CIR PIR CBS PBS
//   mirror SESSION PORT TRUNCATION
//   write ARRAY INDEX VALUE
//   registers ARRAY                       "registers INDEX=V...": those that are not zero
//   keyed ARRAY TABLE ENTRY               "keyed V": the register with the index that `entryid` gives for the entry
//   meters ARRAY INDEX                    "meters PACKETS... BYTES..." by color
//   table TABLE                           "table HITS MISSES COUNT..." with a count for each action
//   learner LEARNER                       "learner HITS MISSES LEARNED REFUSED REARMED FORGOTTEN COUNT..."
//   end                                   "end"
//
// A command that SWX rejects answers "error COMMAND".
#include <stdlib.h>
#include <string.h>

#include <rte_malloc.h>

#include "swx.h"

static struct rte_swx_pipeline *pipeline;
static struct rte_swx_ctl_pipeline *control;
static FILE *out;
static unsigned action_count;
static unsigned profile_count;

static char *word(char **rest)
{
    char *token = strtok_r(*rest, " \n", rest);

    if (!token)
        die("a command is incomplete");
    return token;
}

static uint64_t number(char **rest)
{
    return strtoull(word(rest), NULL, 0);
}

// The rest of the line, without the newline.
static char *tail(char *rest)
{
    rest[strcspn(rest, "\n")] = 0;
    return rest;
}

static bool entry(char *rest)
{
    char *table = word(&rest), *verb = word(&rest);
    struct rte_swx_table_entry *parsed = rte_swx_ctl_pipeline_table_entry_read(control, table, tail(rest), NULL);

    if (!parsed)
        return false;
    return !(verb[0] == 'a' ? rte_swx_ctl_pipeline_table_entry_add(control, table, parsed)
                            : rte_swx_ctl_pipeline_table_entry_delete(control, table, parsed));
}

static bool default_entry(char *rest)
{
    char *table = word(&rest);
    struct rte_swx_table_entry *parsed = rte_swx_ctl_pipeline_table_entry_read(control, table, tail(rest), NULL);

    return parsed && !rte_swx_ctl_pipeline_table_default_entry_add(control, table, parsed);
}

static bool learner_default(char *rest)
{
    char *learner = word(&rest);
    struct rte_swx_table_entry *parsed =
        rte_swx_ctl_pipeline_learner_default_entry_read(control, learner, tail(rest), NULL);

    return parsed && !rte_swx_ctl_pipeline_learner_default_entry_add(control, learner, parsed);
}

static bool group(char *rest)
{
    char *selector = word(&rest), *verb = word(&rest);
    uint32_t id;

    if (verb[0] == 'd')
        return !rte_swx_ctl_pipeline_selector_group_delete(control, selector, number(&rest));
    if (rte_swx_ctl_pipeline_selector_group_add(control, selector, &id))
        return false;
    fprintf(out, "group %u\n", id);
    return true;
}

static bool member(char *rest)
{
    char *selector = word(&rest);
    uint32_t id = number(&rest);
    char *verb = word(&rest);
    uint32_t member_id = number(&rest);

    return !(verb[0] == 'a'
        ? rte_swx_ctl_pipeline_selector_group_member_add(control, selector, id, member_id, number(&rest))
        : rte_swx_ctl_pipeline_selector_group_member_delete(control, selector, id, member_id));
}

static bool commit(char *rest)
{
    int status = rte_swx_ctl_pipeline_commit(control, 1);

    (void)rest;
    if (status)
        fprintf(out, "refused %d\n", status);
    else
        fputs("committed\n", out);
    return true;
}

static bool packet(char *rest)
{
    unsigned port = number(&rest);

    ports_run(pipeline, port, tail(rest), out);
    return true;
}

static bool offer(char *rest)
{
    unsigned port = number(&rest);

    ports_offer(port, tail(rest));
    return true;
}

static bool rate(char *rest)
{
    fprintf(out, "rate %lu\n", ports_rate(pipeline, number(&rest)));
    return true;
}

static bool advance(char *rest)
{
    clock_advance(number(&rest));
    return true;
}

static bool timeout(char *rest)
{
    struct rte_swx_ctl_pipeline_info info;
    char *name = word(&rest);
    uint32_t id = number(&rest);

    rte_swx_ctl_pipeline_info_get(pipeline, &info);
    for (uint32_t i = 0; i < info.n_learners; i++) {
        struct rte_swx_ctl_learner_info learner;

        rte_swx_ctl_learner_info_get(pipeline, i, &learner);
        if (!strcmp(learner.name, name))
            return !rte_swx_ctl_pipeline_learner_timeout_set(pipeline, i, id, number(&rest));
    }
    return false;
}

static bool meter(char *rest)
{
    char *array = word(&rest), profile[32];
    uint32_t index = number(&rest);
    struct rte_meter_trtcm_params parameters;

    parameters.cir = number(&rest);
    parameters.pir = number(&rest);
    parameters.cbs = number(&rest);
    parameters.pbs = number(&rest);
    snprintf(profile, sizeof(profile), "profile%u", profile_count++);
    return !rte_swx_ctl_meter_profile_add(pipeline, profile, &parameters) &&
        !rte_swx_ctl_meter_set(pipeline, array, index, profile);
}

static bool mirror(char *rest)
{
    uint32_t session = number(&rest);
    struct rte_swx_pipeline_mirroring_session_params parameters = {0};

    parameters.port_id = number(&rest);
    parameters.truncation_length = number(&rest);
    return !rte_swx_ctl_pipeline_mirroring_session_set(pipeline, session, &parameters);
}

static bool write_register(char *rest)
{
    char *array = word(&rest);
    uint32_t index = number(&rest);

    return !rte_swx_ctl_pipeline_regarray_write(pipeline, array, index, number(&rest));
}

static bool registers(char *rest)
{
    char *array = word(&rest);
    uint64_t value;

    fputs("registers", out);
    for (uint32_t i = 0; !rte_swx_ctl_pipeline_regarray_read(pipeline, array, i, &value); i++)
        if (value)
            fprintf(out, " %u=%lu", i, value);
    fputc('\n', out);
    return true;
}

static bool keyed(char *rest)
{
    char *array = word(&rest), *table = word(&rest);
    struct rte_swx_table_entry *parsed = rte_swx_ctl_pipeline_table_entry_read(control, table, tail(rest), NULL);
    uint64_t value;

    if (!parsed || rte_swx_ctl_pipeline_regarray_read_with_key(pipeline, array, table, parsed->key, &value))
        return false;
    fprintf(out, "keyed %lu\n", value);
    return true;
}

static bool meters(char *rest)
{
    char *array = word(&rest);
    struct rte_swx_ctl_meter_stats stats;

    if (rte_swx_ctl_meter_stats_read(pipeline, array, number(&rest), &stats))
        return false;
    fprintf(out, "meters %lu %lu %lu %lu %lu %lu\n", stats.n_pkts[0], stats.n_pkts[1], stats.n_pkts[2],
        stats.n_bytes[0], stats.n_bytes[1], stats.n_bytes[2]);
    return true;
}

static bool table(char *rest)
{
    struct rte_swx_table_stats stats = {.n_pkts_action = calloc(action_count, sizeof(uint64_t))};
    bool found = !rte_swx_ctl_pipeline_table_stats_read(pipeline, word(&rest), &stats);

    if (found) {
        fprintf(out, "table %lu %lu", stats.n_pkts_hit, stats.n_pkts_miss);
        for (unsigned i = 0; i < action_count; i++)
            fprintf(out, " %lu", stats.n_pkts_action[i]);
        fputc('\n', out);
    }
    free(stats.n_pkts_action);
    return found;
}

static bool learner(char *rest)
{
    struct rte_swx_learner_stats stats = {.n_pkts_action = calloc(action_count, sizeof(uint64_t))};
    bool found = !rte_swx_ctl_pipeline_learner_stats_read(pipeline, word(&rest), &stats);

    if (found) {
        fprintf(out, "learner %lu %lu %lu %lu %lu %lu", stats.n_pkts_hit, stats.n_pkts_miss, stats.n_pkts_learn_ok,
            stats.n_pkts_learn_err, stats.n_pkts_rearm, stats.n_pkts_forget);
        for (unsigned i = 0; i < action_count; i++)
            fprintf(out, " %lu", stats.n_pkts_action[i]);
        fputc('\n', out);
    }
    free(stats.n_pkts_action);
    return found;
}

static bool end(char *rest)
{
    (void)rest;
    fputs("end\n", out);
    fflush(out);
    return true;
}

static const struct {
    const char *name;
    bool (*run)(char *rest);
} commands[] = {
    {"offer", offer},         {"rate", rate},
    {"packet", packet},       {"entry", entry},   {"default", default_entry},    {"learner-default", learner_default},
    {"group", group},         {"member", member}, {"commit", commit},            {"advance", advance},
    {"timeout", timeout},     {"meter", meter},   {"mirror", mirror},            {"write", write_register},
    {"registers", registers}, {"keyed", keyed},   {"meters", meters},            {"table", table},
    {"learner", learner},     {"end", end},
};

void commands_run(struct rte_swx_pipeline *running, FILE *in, FILE *answers)
{
    struct rte_swx_ctl_pipeline_info info;
    char *line = NULL, *rest;
    size_t size = 0, i;

    pipeline = running;
    out = answers;
    control = rte_swx_ctl_pipeline_create(pipeline);
    if (!control)
        die("the pipeline has no control interface");
    rte_swx_ctl_pipeline_info_get(pipeline, &info);
    action_count = info.n_actions;

    while (getline(&line, &size, in) > 0) {
        rest = line;
        char *name = word(&rest);
        for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
            if (!strcmp(name, commands[i].name))
                break;
        if (i == sizeof(commands) / sizeof(commands[0]))
            die("unknown command %s", name);
        if (!commands[i].run(rest))
            fprintf(out, "error %s\n", name);
    }
    free(line);
    rte_swx_ctl_pipeline_free(control);
}
