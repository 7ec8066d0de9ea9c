function qnetExport(net, file)
%QNETEXPORT Write a network as a qlint network description.
%   QNETEXPORT(NET, FILE) writes NET, a dlnetwork, DAGNetwork, SeriesNetwork
%   or LayerGraph, to FILE, whose name ends in .qnet.yaml, and its learnables
%   to a MAT-file (version 7) beside it, whose name ends in .qnet.mat:
%
%       load trainedNet net
%       qnetExport(net, 'digits.qnet.yaml')
%
%   then, in a shell (the extra brings scipy, which reads MAT-files):
%
%       pip install onnx-qlint[matlab]
%       qlint check digits.qnet.yaml
%
%   It reads documented properties only: Layers, Connections, Learnables and
%   State of the network, and of its layers what qnetTypes.m lists. A layer of
%   another class is written as a custom layer, without its properties, and a
%   property whose value a description cannot say is left out; both with a
%   warning.
%
%   What was tried: MATLAB was not at hand. The file was parsed in GNU Octave
%   7.3, and run there on structures that stand in for networks and layers
%   (a field Class gives the class); qlint then read what it had written. It
%   was never run in MATLAB, in no release. It is meant for R2023b and newer.
%
%   See also qnetTypes.

    ending = regexp(file, '\.qnet\.ya?ml$', 'match', 'once');
    if isempty(ending)
        error('qnetExport:name', 'The name of the file must end in .qnet.yaml, not %s', file);
    end
    [folder, ~, ~] = fileparts(file);
    [~, stem, extension] = fileparts(file(1:end - numel(ending)));
    matfile = [stem extension '.qnet.mat'];  % stem.mat may be where the network itself is kept
    values = containers.Map();
    body = writeBody(net, '', '', values);
    class = regexp(classOf(net), '[^.]*$', 'match', 'once');
    lines = {'schema: qlint.network/v1'};
    release = ['R' version('-release')];
    if isempty(regexp(release, '^R20\d\d[ab]$', 'once'))
        lines{end + 1} = ['network: {class: ' class '}'];
    else
        lines{end + 1} = ['network: {class: ' class ', release: ' release '}'];
    end
    names = keys(values);
    if ~isempty(names)
        arrays = struct('name', names, 'value', cellfun(@(name) values(name), names, 'UniformOutput', false)); %#ok<NASGU>
        save(fullfile(folder, matfile), 'arrays', '-v7');
        lines{end + 1} = ['weights: ' quoted(matfile)];
    end
    stream = fopen(file, 'w', 'n', 'UTF-8');
    if stream < 0
        error('qnetExport:open', 'Cannot write %s', file);
    end
    fprintf(stream, '%s\n', lines{:}, body{:});
    fclose(stream);
end

function lines = writeBody(net, prefix, indent, values)
% Layers and connections as lines; learnables go to values, by layer/learnable.
    types = qnetTypes();
    lines = {[indent 'layers:']};
    layers = net.Layers;
    known = cell(1, numel(layers));
    for k = 1:numel(layers)
        if iscell(layers), layer = layers{k}; else, layer = layers(k); end
        full = [prefix char(layer.Name)];
        known{k} = full;
        [type, isKnown] = typeOf(classOf(layer), types);
        words = {['name: ' quoted(char(layer.Name))], ['type: ' quoted(type)]};
        properties = {'NumInputs', 'NumOutputs'};
        if isKnown
            properties = types.(fieldName(type)).properties;
            for name = types.(fieldName(type)).learnables
                keep(values, [full '/' name{1}], property(layer, name{1}));
            end
        else
            warning('qnetExport:custom', 'Layer %s is written as a custom layer: %s', full, type);
            if ~any(type == '.'), words{end + 1} = 'custom: true'; end
        end
        for name = properties
            value = property(layer, name{1});
            text = written(value);
            if ~isempty(text) && ~isKey(values, [full '/' name{1}])
                words{end + 1} = [name{1} ': ' text]; %#ok<AGROW>
            elseif isempty(text) && ~isempty(value)
                warning('qnetExport:value', '%s of layer %s is left out: it is a %s', name{1}, full, class(value));
            end
        end
        nested = property(layer, 'Network');
        if isempty(nested)
            lines{end + 1} = [indent '  - {' strjoin(words, ', ') '}']; %#ok<AGROW>
        else
            below = cellfun(@(word) [indent '    ' word], [words(2:end) {'Network:'}], 'UniformOutput', false);
            inside = writeBody(nested, [full '/'], [indent '      '], values);
            lines = [lines, {[indent '  - ' words{1}]}, below, inside]; %#ok<AGROW>
        end
    end
    for source = {'Learnables', 'State'}
        table = property(net, source{1});
        for k = 1:rows(table)
            if any(strcmp([prefix char(table.Layer(k))], known))
                keep(values, [prefix char(table.Layer(k)) '/' char(table.Parameter(k))], table.Value{k});
            end
        end
    end
    connections = property(net, 'Connections');
    if isempty(connections), return, end  % a SeriesNetwork: each layer feeds the next
    lines{end + 1} = [indent 'connections:'];
    for k = 1:numel(connections.Source)
        ends = {char(connections.Source(k)), char(connections.Destination(k))};
        lines{end + 1} = [indent '  - [' quoted(ends{1}) ', ' quoted(ends{2}) ']']; %#ok<AGROW>
    end
    if isempty(connections.Source), lines{end} = [lines{end} ' []']; end
end

function count = rows(table)
    count = 0;
    if ~isempty(table), count = numel(table.Value); end
end

function keep(values, name, value)
% Take an array, if it is one.
    if isa(value, 'dlarray'), value = extractdata(value); end
    if isa(value, 'gpuArray'), value = gather(value); end
    if isnumeric(value) && ~isempty(value), values(name) = single(value); end
end

function value = property(object, name)
% A property's value, [] where there is none.
    value = [];
    if isstruct(object)
        if isfield(object, name), value = object.(name); end
    elseif isprop(object, name)
        value = object.(name);
    end
end

function name = classOf(object)
% The class of a network or layer; structures may stand in for them.
    name = class(object);
    if isstruct(object), name = object.Class; end
end

function [type, isKnown] = typeOf(class, types)
% The layer's type: its constructor's name, which but for a few is that of the class in other letters.
    renamed = struct('classificationoutputlayer', 'classificationLayer', ...
        'regressionoutputlayer', 'regressionLayer', ...
        'transposedconvolution1dlayer', 'transposedConv1dLayer', ...
        'transposedconvolution2dlayer', 'transposedConv2dLayer', ...
        'transposedconvolution3dlayer', 'transposedConv3dLayer');
    short = lower(regexp(class, '[^.]*$', 'match', 'once'));
    fields = fieldnames(types);
    names = cellfun(@(field) types.(field).name, fields, 'UniformOutput', false);
    at = find(strcmp(names, class), 1);
    if isempty(at) && strncmp(class, 'nnet.cnn.layer.', 15)
        if isfield(renamed, short), short = lower(renamed.(short)); end
        at = find(strcmpi(names, short), 1);
    end
    isKnown = ~isempty(at);
    type = class;
    if isKnown, type = names{at}; end
end

function field = fieldName(type)
    field = strrep(type, '.', '_');
end

function text = written(value)
% A value as YAML; '' for what a description cannot say.
    text = '';
    if isa(value, 'string') && isscalar(value), value = char(value); end
    if ischar(value)
        text = quoted(value);
    elseif isa(value, 'function_handle')
        text = func2str(value);
        if text(1) ~= '@', text = ['@' text]; end
        text = quoted(text);
    elseif islogical(value) && isscalar(value)
        if value, text = 'true'; else, text = 'false'; end
    elseif isnumeric(value) && isreal(value) && ismatrix(value) && ~isempty(value) && all(isfinite(value(:)))
        text = listed(double(value));
    end
end

function text = listed(value)
% A number, a row or column as a list, a matrix as a list of its rows.
    if isscalar(value)
        text = sprintf('%.9g', value);
    elseif isvector(value)
        numbers = arrayfun(@(x) sprintf('%.9g', x), value(:)', 'UniformOutput', false);
        text = ['[' strjoin(numbers, ', ') ']'];
    else
        lists = arrayfun(@(k) listed(value(k, :)), 1:size(value, 1), 'UniformOutput', false);
        text = ['[' strjoin(lists, ', ') ']'];
    end
end

function text = quoted(text)
% A text as YAML, in quotes unless it is a plain word.
    if isempty(regexp(text, '^[A-Za-z][\w./-]*$', 'once')) || any(strcmpi(text, {'true', 'false', 'yes', 'no', 'on', 'off', 'null', 'y', 'n'}))
        text = ['"' strrep(strrep(text, '\', '\\'), '"', '\"') '"'];
    end
end
