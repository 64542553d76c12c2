"""What the functions of the distributed API are asked, and where picket's answer may differ from the real one's."""
M, S, C, A = 'wazuh.manager.', 'wazuh.stats.', 'wazuh.cluster.', 'wazuh.agent.'
IDS = [f'{n:03}' for n in range(26)]
ALL_NODES = ['master-node', 'worker1', 'worker2']


def sort(*fields, order='asc'):
    return {'fields': list(fields), 'order': order}


def search(value, negation=False):
    return {'value': value, 'negation': negation}


def date(text):
    return {'date': {'__wazuh_datetime__': text}}


# ---- of every node -------------------------------------------------------------------------------------------
OF_NODES = [
    *((f, {}) for f in (M + 'get_status', M + 'get_basic_info', M + 'ossec_log_summary', M + 'restart', M + 'validation',
                        M + 'get_api_config', S + 'hourly', S + 'weekly', 'wazuh.analysis.reload_ruleset')),
    *((M + 'read_ossec_conf', x) for x in (
        {}, {'raw': True}, {'section': 'cluster'}, {'section': 'syscheck'}, {'section': 'localfile'}, {'section': 'remote'},
        {'section': 'wodle'}, {'section': 'open-scap'}, {'section': 'sca'}, {'section': 'labels'}, {'section': 'nope'},
        {'section': 'global', 'field': 'white_list'}, {'section': 'global', 'field': 'nope'}, {'section': 'ruleset', 'field': 'list'},
        {'section': 'integration'}, {'section': 'auth'}, {'section': 'cluster', 'field': 'key'}, {'field': 'key'}, {'distinct': True},
        {'section': 'vulnerability-detection'}, {'section': 'global', 'distinct': True})),
    *((S + 'totals', x) for x in (date('2026-11-05'), date('2026-11-06'), date('2026-11-07'))),
]
LOGS = [{'limit': 5}, {'offset': 290}, {'limit': 1, 'offset': 299}, {'offset': 1000}, {'limit': 0}, {'limit': 501}, {'limit': -1},
        {'limit': None, 'offset': 290}, {'level': 'error'}, {'tag': 'sca'}, {'level': 'error', 'tag': 'wazuh-remoted', 'limit': 3},
        {'search_text': 'Message 3'}, {'search_text': 'message 3', 'complementary_search': True, 'limit': 3},
        {'search_text': '1003', 'search_in_fields': ['description'], 'limit': 4}, {'search_text': 'sca', 'search_in_fields': ['description']},
        {'search_text': 'a', 'search_in_fields': ['nope']}, {'search_text': '\u00fc', 'limit': 2}, {'search_text': 'zzz'}, {'search_text': ''},
        {'sort_by': ['level'], 'limit': 10}, {'sort_by': ['tag', 'level'], 'sort_ascending': False, 'limit': 10}, {'sort_by': []},
        {'sort_by': ['level', 'nope']},
        {'sort_by': ['timestamp'], 'sort_ascending': False, 'limit': 3, 'select': ['timestamp']}, {'select': ['level'], 'distinct': True},
        {'select': ['tag', 'level'], 'distinct': True, 'sort_by': ['tag']}, {'select': ['nope']}, {'select': []},
        {'distinct': True, 'limit': 2}, {'q': ''}, {'q': 'level=error', 'limit': 3}, {'q': 'level=error,level=critical;tag=sca', 'limit': 3},
        {'q': '(level=error,level=critical);tag!=sca', 'limit': 3}, {'q': 'timestamp>2026-11-05', 'limit': 3},
        {'q': 'timestamp<2026-11-05T10:00:00Z', 'limit': 3}, {'q': 'description~1003', 'limit': 3}, {'q': 'nope=1'}, {'q': 'level'},
        {'q': 'level=='}, {'q': 'level=error;'}, {'q': '(level=error'}, {'q': 'level~err', 'level': 'info'},
        {'q': 'level>error;level<info', 'limit': 2}]
# ---- of this node --------------------------------------------------------------------------------------------
HERE = [(C + 'get_node_wrapper', {}), (C + 'read_config_wrapper', {})]
# ---- of the master ---------------------------------------------------------------------------------------------
OF_CLUSTER = [(C + 'get_status_json', {}), ('wazuh.core.manager.status', {}),
              ('wazuh.core.cluster.control.get_node_ruleset_integrity', {}),
              *((C + 'get_health_nodes', x) for x in ({}, {'filter_node': ['worker1']}, {'filter_node': ['nope']})),
              *((C + 'get_nodes_info', x) for x in (
                  {}, {'filter_node': ['worker1', 'nope']}, {'filter_node': ['nope']}, {'limit': 1, 'offset': 1}, {'limit': 0}, {'offset': 9},
                  {'sort': sort('name', order='desc')}, {'sort': sort('type', 'name')}, {'sort': sort('nope')}, {'search': search('worker')},
                  {'search': search('worker', True)}, {'select': ['name', 'type']}, {'select': ['name', 'nope']}, {'filter_type': 'worker'},
                  {'filter_type': 'master', 'select': ['name']}, {'q': 'name=worker1'}, {'q': 'type=worker;name!=worker1'}, {'q': 'nope=1'},
                  {'q': 'name'}, {'select': ['type'], 'distinct': True}, {'select': ['version'], 'distinct': True}))]
# ---- agents ------------------------------------------------------------------------------------------------------
AGENTS = [
    {}, {'limit': 3}, {'limit': 3, 'offset': 22}, {'offset': 1000}, {'limit': 0}, {'limit': None}, {'sort': sort('name', order='desc')},
    {'sort': sort('status', 'id'), 'limit': 6}, {'sort': sort('os.name', 'name', order='desc')}, {'sort': sort('version')},
    {'sort': sort('group', 'id')}, {'sort': sort('lastKeepAlive', 'id', order='desc'), 'limit': 4}, {'sort': sort('os.version', 'id')},
    {'sort': sort('ip', 'id'), 'limit': 5}, {'search': search('agent1')}, {'search': search('DEBIAN', True)},
    {'search': search('10.0.'), 'limit': 2}, {'search': search('%')}, {'search': search('never')}, {'search': search('014')},
    {'search': search('default')}, {'select': ['id', 'name']}, {'select': ['os.name']}, {'select': ['status', 'version', 'group']},
    {'select': ['dateAdd', 'lastKeepAlive', 'disconnection_time', 'status_code']}, {'select': []},
    {'select': ['mergedSum', 'configSum', 'registerIP', 'manager']},
    {'select': ['os.uname', 'os.build', 'os.arch', 'os.codename', 'os.major', 'os.minor', 'os.version'], 'limit': 6},
    *({'filters': x} for x in (
        {'status': 'active'}, {'status': ['active', 'pending']}, {'status': 'ACTIVE'}, {'status': 'nope'}, {'os.platform': 'debian'},
        {'os.platform': ['debian', 'windows']}, {'node_name': 'worker1'}, {'group': 'linux'}, {'group': 'linu'}, {'name': 'agent3'},
        {'ip': '10.0.1.1'}, {'version': '4.9.2'}, {'version': 'Wazuh v4.9.2'}, {'older_than': '1d'}, {'older_than': '10s'},
        {'older_than': '5m', 'status': 'active'}, {'older_than': 'nope'}, {'registerIP': 'any'}, {'manager': 'worker-host'},
        {'id': ['001', '002']}, {'id': '003'}, {'group_config_status': 'synced'}, {'os.version': '12.5', 'status': 'active'},
        {'name': "a'b"})),
    *({'q': x} for x in (
        'status=active', 'status!=active;os.platform=debian', 'id>010', 'id<5,id>20', '(id<5,id>20);status=active', 'name~agent1',
        'version>4.5', 'version<Wazuh v4.9.2', 'version=Wazuh v4.9.2', 'group=linux', 'group!=linux', 'group~lin', 'dateAdd<1h',
        'lastKeepAlive>2026-11-18T00:00:00Z', 'lastKeepAlive<2026-11-18 00:00:00', 'lastKeepAlive>1d', 'os.version>12',
        'os.name~windows;id!=3', 'status', 'status==active', 'status_code=2', 'ip=10.0.0.3', 'registerIP=any', "name=agent1' or 1=1",
        'id=001', 'id!=0', 'os.name=Debian GNU/Linux;(id>10,status=active);node_name!=worker1', 'lastKeepAlive=n/a',
        'group_config_status=not synced', 'disconnection_time>2020-01-01', 'lastKeepAlive<nope')),
    *({'select': x, 'distinct': True} for x in (['os.name'], ['status'], ['group'])), {'distinct': True, 'limit': 2},
    {'select': ['status', 'os.platform'], 'distinct': True, 'sort': sort('status')},
    *({'agent_list': x} for x in (['001', '003'], ['001', '777', '888'], ['777'], [], ['000'], IDS, ['001', '001'], '*', '001')),
    {'agent_list': ['003', '001', '002'], 'q': 'id!=1'}, {'agent_list': ['001', '005'], 'filters': {'status': 'active'}}]
IN_GROUP = [{}, {'limit': 2}, {'q': 'status=active'}, {'sort': sort('name', order='desc'), 'limit': 3}, {'filters': {'status': 'active'}},
            {'select': ['id', 'name'], 'search': search('agent2')}, {'q': 'status=active,id=2'}, {'select': ['status'], 'distinct': True}]
OVERVIEW = [{}, {'filters': {'status': 'all', 'node_name': 'all'}, 'limit': None,
                 'select': ['version', 'id', 'name', 'status', 'ip', 'node_name']},  # cluster_control -a
            {'filters': {'status': 'active'}, 'limit': None}, {'limit': 3, 'offset': 2}, {'count': False, 'limit': 2}, {'get_data': False},
            {'sort': sort('node_name', order='desc'), 'select': ['node_name'], 'limit': None}, {'search': search('agent1'), 'select': ['name']},
            {'filters': {'id': ['001', '777']}, 'select': ['node_name']}, {'filters': {'node_name': 'worker1', 'status': 'disconnected'}}]
GROUPS = [{}, {'group_list': ['default']}, {'group_list': ['default', 'nope', 'linux']}, {'group_list': []}, {'limit': 1},
          {'offset': 1, 'limit': 1}, {'limit': 0}, {'sort_by': ['name'], 'sort_ascending': False}, {'sort_by': ['count']},
          {'sort_by': ['count', 'name'], 'sort_ascending': False}, {'sort_by': ['nope']}, {'search_text': 'def'}, {'search_text': 'def', 'complementary_search': True},
          {'hash_algorithm': 'sha256'}, {'hash_algorithm': 'sha1'}, {'hash_algorithm': 'blake2b'}, {'q': 'name=linux'}, {'q': 'count>5'},
          {'q': 'count>5;name!=default'}, {'q': 'nope=1'}, {'q': 'mergedSum~a'}, {'select': ['name']}, {'select': ['nope']},
          {'select': ['count'], 'distinct': True}, {'select': ['mergedSum']}, {'distinct': True}]
COMMANDS = [{'agent_list': x} for x in (['001', '003', '777', '000'], IDS, [], ['777'], ['000'], ['005', '004'])]
OF_AGENTS = [*((A + 'get_agents', x) for x in AGENTS),
             *((A + 'get_agents_in_group', {'group_list': [g], **x}) for g in ('default', 'linux', 'nope') for x in IN_GROUP),
             *(('wazuh.core.agent.Agent.get_agents_overview', x) for x in OVERVIEW), *((A + 'get_agent_groups', x) for x in GROUPS),
             *((A + 'get_agents_summary_status', x) for x in ({}, {'agent_list': ['001', '002', '777']}, {'agent_list': []}))]
TO_AGENTS = [(A + f, x) for f in ('reconnect_agents', 'restart_agents', 'restart_agents_by_node', 'restart_agents_by_group') for x in COMMANDS]


# ---- permissions ---------------------------------------------------------------------------------------------
def rbac(mode, **actions):
    """agent_read={'agent:id:001': 'allow'}."""
    return {'rbac_mode': mode, **{k.replace('_', ':', 1): v for k, v in actions.items()}}


PERMISSIONS = [
    rbac('white'), rbac('white', agent_read={'agent:id:001': 'allow', 'agent:id:002': 'allow'}),
    rbac('white', agent_read={'agent:id:*': 'allow', 'agent:id:002': 'deny'}), rbac('white', agent_read={'agent:group:linux': 'allow'}),
    rbac('white', agent_read={'agent:group:linux': 'allow', 'agent:id:001': 'deny'}),
    rbac('black', agent_read={'agent:id:003': 'deny', 'agent:group:linux': 'deny'}), rbac('black', agent_read={'agent:id:*': 'deny'}),
    rbac('white', agent_read={'agent:id:*': 'allow'}, group_read={'group:id:linux': 'allow'}),
    rbac('white', group_read={'group:id:*': 'allow', 'group:id:default': 'deny'}), rbac('black', group_read={'group:id:linux': 'deny'}),
    rbac('white', agent_restart={'agent:id:001': 'allow'}, agent_reconnect={'agent:id:001': 'allow', 'agent:id:777': 'allow'}),
    rbac('white', cluster_read={'node:id:*': 'allow'}), rbac('white', cluster_read={'node:id:worker1': 'allow'}),
    rbac('white', cluster_read={'node:id:master-node': 'allow', 'node:id:worker1': 'deny'}, cluster_restart={'node:id:*': 'allow'},
         cluster_status={'*:*:*': 'allow'}, **{'cluster_update_config': {'node:id:*': 'allow'}}),
    rbac('black', cluster_read={'node:id:worker2': 'deny'}), rbac('black', cluster_read={'node:id:*': 'deny'})]
PERMITTED = [(A + 'get_agents', {}), (A + 'get_agents', {'agent_list': ['001', '003', '777']}), (A + 'get_agents', {'limit': 2, 'q': 'status=active'}),
             (A + 'get_agent_groups', {}), (A + 'get_agent_groups', {'group_list': ['default', 'linux', 'nope']}),
             (A + 'get_agents_summary_status', {}), *((A + 'get_agents_in_group', {'group_list': [g]}) for g in ('linux', 'nope')),
             (A + 'reconnect_agents', {'agent_list': ['001', '003', '777']}), (A + 'restart_agents', {'agent_list': ['001', '003', '777']}),
             (C + 'get_nodes_info', {}), (C + 'get_nodes_info', {'filter_node': ['worker1', 'nope']}), (C + 'get_health_nodes', {}),
             (C + 'get_status_json', {}), *((M + f, {}) for f in ('get_status', 'restart', 'validation', 'get_api_config')),
             (M + 'read_ossec_conf', {'section': 'cluster'}), (M + 'read_ossec_conf', {'raw': True}), *HERE]

# ---- accepted differences: function, f_kwargs, the real one's error code (0: an answer), picket's, the reason ------------
DIFFERENT = [
    (M + 'ossec_log', {'nope': 1}, 1000, 1000, 'the real one has the reason in its log only; picket tells it'),
    (A + 'get_agents', {'nope': 1}, 1000, 1000, 'the same'),
    (A + 'get_agents_in_group', {'group_list': []}, 1000, 1000, 'the same'),
    *((A + 'get_agents', x, n, n, 'the list of all fields is longer than an error of picket\'s may be; it tells the wrong ones')
      for x, n in (({'sort': sort('nope')}, 1403), ({'select': ['nope']}, 1724), ({'select': ['labels']}, 1724), ({'select': ['os']}, 1724),
                   ({'select': ['id', 'nope', 'os.nope']}, 1724), ({'select': ['internal_key']}, 1724), ({'q': 'nope=1'}, 1408),
                   ({'q': 'labels.site=north'}, 1408))),
    (A + 'get_agents', {'filters': {'nope': '1'}}, 1000, 1408, 'the real one stumbles over an unknown filter'),
    (A + 'get_agents', {'q': '(status=active'}, 2003, 1407, 'the real one notices when its database does'),
    (A + 'get_agents', {'q': 'status=active;'}, 2003, 1407, 'the same'),
    (A + 'get_agents', {'search': search('x"y;z')}, 2004, 0, 'to picket ";" is a character like others: it writes no text of others into SQL'),
    (A + 'get_agents', {'search': search('0000012')}, 0, 0, "the real one looks into the agents' keys, which who searches could then guess"),
    (A + 'get_agents', {'sort': sort('version', order='desc'), 'limit': 4}, 0, 0,
     'the real one cuts the page by the text of versions, then sorts it by their numbers; picket sorts all by their numbers'),
    (A + 'get_agents', {'sort': sort('version', 'id'), 'select': ['name']}, 0, 0, 'and the real one forgets versions that were not selected'),
    (A + 'get_agents', {'filters': {'version': ['4.9.2', '4.1.5']}}, 1000, 0, 'the real one stumbles over several versions'),
    (A + 'get_agents', {'q': 'os.uname=Linux |h|'}, 0, 1407, 'the real one drops what it cannot read of a query, and answers another'),
    (A + 'get_agents', {'q': 'dateAdd=any,name==a'}, 1409, 1412, 'of two mistakes picket tells the first, the real one the first operator'),
    (M + 'ossec_log', {'q': 'level==error'}, 1000, 1407, 'the real one stumbles over the operator "=="'),
    (M + 'ossec_log', {'q': 'nope==a'}, 0, 1407, 'or does not, where no entry has the field'),
    (M + 'ossec_log', {'q': 'level>2026-11-05T10:00:00Z'}, 1000, 0, 'the real one cannot compare a text with a date'),
    (A + 'get_agents', {'agent_list': ['1']}, 0, 0, 'an agent the real one both finds (as a number) and does not (as a text)'),
    (A + 'get_agents_in_group', {}, 0, 1000, 'the real one takes whichever group comes first'),
    (A + 'get_agent_groups', {'hash_algorithm': 'nope'}, 1723, 1723, 'picket has fewer: md5, sha1, sha256, blake2b'),
    (A + 'restart_agents_by_node', {'agent_list': '*'}, 1000, 0, 'never asked so: the master puts the names in; to picket all of this node are meant'),
]
